"""Create synthetic data in nuScenes format."""

import json
import shutil
from pathlib import Path
from typing import Any

from shapely.geometry import mapping, shape
from tqdm import tqdm

from perception_kd.io.atomic import make_writable_folder, write_whole
from perception_kd.io.json_file import read_json
from perception_kd.io.lock import LOCK, lock_folder
from perception_kd.io.workers import run_jobs
from perception_kd.synthetic.sensors.calibration import SENSORS
from perception_kd.synthetic.world.settings import SYNTHETIC_VERSION, SyntheticSettings
from perception_kd.synthetic.writer.maps import MapDrawer, draw_area, write_maps
from perception_kd.synthetic.writer.scene import SceneWriter
from perception_kd.synthetic.writer.tables import make_vocabulary, write_tables

# Increased when the same settings give different data.
SETTINGS_FORMAT = 2
SETTINGS_FILE = "synthetic.json"
_UNFINISHED = ".synthetic_unfinished"
_DAMAGED = "Delete the folder and make it again."
_Job = tuple[Path, SyntheticSettings, int]
_NOTE = """# A synthetic data set

Made by `tools/create_data.py synthetic`: a drawn world in nuScenes' format, for trying and
testing. It is not nuScenes, and results on it say nothing about the real world.
"""


def create_synthetic(
    root: str | Path,
    settings: SyntheticSettings | None = None,
    *,
    workers: int = 2,
    progress: bool = True,
) -> Path:
    """Write a synthetic data set that opens as v1.0-mini of nuScenes.

    An interrupted run resumes after its finished scenes. A complete data set with the
    same settings is left as it is.

    Args:
        root: Folder to create; it may exist if it is empty or holds a run with the same
            settings.
        settings: Size and seed.
        workers: Number of processes; 0 renders in this one. The result is the same.
        progress: Whether to show a progress bar.

    Returns:
        ``root``.

    Raises:
        PermissionError: If ``root`` cannot be written to.
        BlockingIOError: If another process writes to it.
        ValueError: If ``root`` holds other files, or ``workers`` is negative.
    """
    if workers < 0:
        raise ValueError(f"workers must not be negative, but got {workers}.")
    root, settings = Path(root), settings or SyntheticSettings()
    from mmengine.logging import MMLogger  # here, as workers have no use for it

    logger: MMLogger = MMLogger.get_current_instance()
    if (root / SETTINGS_FILE).exists():
        _prepare(root, settings)
        logger.info("%s is complete, with these settings.", root)
        return root
    with lock_folder("--root", make_writable_folder("--root", root)):
        if not _prepare(root, settings):
            _render(root, settings, workers, progress)
    logger.info(
        "%s: %d synthetic scenes of %d keyframes", root, settings.scenes, settings.keyframes
    )
    return root


def _render(root: Path, settings: SyntheticSettings, workers: int, progress: bool) -> None:
    """Write the scenes that are missing, and then what they have in common."""
    unfinished = root / _UNFINISHED
    names = settings.scene_names()
    todo = [i for i, name in enumerate(names) if not (unfinished / f"{name}.json").exists()]
    jobs = [(root, settings, number) for number in todo]
    start = len(names) - len(todo)
    with tqdm(total=len(names), initial=start, unit="scene", disable=not progress) as bar:
        for _ in run_jobs(_make_scene, jobs, workers if len(jobs) > 1 else 0):
            bar.update()
    _finish(root, settings, [read_json(unfinished / f"{x}.json", _DAMAGED) for x in names])


def _prepare(root: Path, settings: SyntheticSettings) -> bool:
    """Create the folders; return whether the data set is complete already."""
    made = {"format": SETTINGS_FORMAT, "settings": settings.as_dict()}
    for path in (root / SETTINGS_FILE, root / _UNFINISHED / SETTINGS_FILE):
        if path.exists():
            found = read_json(path, _DAMAGED)
            if found != made:
                raise ValueError(
                    f"{root} holds synthetic data with other settings: {found}. "
                    "Remove it, or choose another folder."
                )
            return path.parent == root
    if root.is_dir() and any(path.name != LOCK for path in root.iterdir()):
        raise ValueError(
            f"{root} is not empty and not a synthetic data set. Choose another folder."
        )
    for folder in ("samples", "sweeps"):
        for channel in SENSORS:
            (root / folder / channel).mkdir(parents=True, exist_ok=True)
    (root / "lidarseg" / SYNTHETIC_VERSION).mkdir(parents=True, exist_ok=True)
    (root / _UNFINISHED).mkdir()
    write_whole(root / _UNFINISHED / SETTINGS_FILE, json.dumps(made).encode())
    return False


def _make_scene(job: _Job) -> str:
    """Write the files of a scene, and last its records of the tables and maps."""
    root, settings, number = job
    writer = SceneWriter(root, settings, number)
    tables = writer.write()
    area = mapping(draw_area(writer.scene))
    part = {"tables": tables, "layers": MapDrawer(writer.scene).draw(), "area": area}
    write_whole(root / _UNFINISHED / f"{writer.scene.name}.json", json.dumps(part).encode())
    return writer.scene.name


def _finish(root: Path, settings: SyntheticSettings, parts: list[dict[str, Any]]) -> None:
    scenes = [(x["tables"]["log"][0], x["layers"], shape(x["area"])) for x in parts]
    maps = {"map": write_maps(root, scenes)}
    vocabulary = make_vocabulary()
    write_tables(root / SYNTHETIC_VERSION, [vocabulary, *(part["tables"] for part in parts), maps])
    write_whole(root / "README.md", _NOTE.encode())
    write_whole(
        root / SETTINGS_FILE,
        json.dumps({"format": SETTINGS_FORMAT, "settings": settings.as_dict()}).encode(),
    )
    shutil.rmtree(root / _UNFINISHED)
