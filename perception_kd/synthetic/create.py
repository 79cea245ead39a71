"""Create synthetic data in nuScenes format: ``tools/create_data.py synthetic``."""

import argparse
import json
import re
import shutil
from pathlib import Path
from typing import Any

from mmengine.logging import MMLogger
from shapely.geometry import mapping, shape
from tqdm import tqdm

from perception_kd.io.atomic import write_whole
from perception_kd.io.workers import run_jobs
from perception_kd.synthetic.sensors.calibration import CHANNELS
from perception_kd.synthetic.settings import VERSION, SyntheticSettings
from perception_kd.synthetic.writer.maps import MapDrawer, draw_area, write_maps
from perception_kd.synthetic.writer.scene import SceneWriter
from perception_kd.synthetic.writer.tables import make_vocabulary, write_tables

# Increased when the same settings give different data.
FORMAT = 2
MANIFEST = "synthetic.json"
_UNFINISHED = ".synthetic_unfinished"
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
        ValueError: If ``root`` holds other files, or ``workers`` is negative.
    """
    if workers < 0:
        raise ValueError(f"workers must not be negative, but got {workers}.")
    root, settings = Path(root), settings or SyntheticSettings()
    logger = MMLogger.get_current_instance()
    if _prepare(root, settings):
        logger.info("%s is complete, with these settings.", root)
        return root
    unfinished = root / _UNFINISHED
    names = settings.scene_names()
    todo = [i for i, name in enumerate(names) if not (unfinished / f"{name}.json").exists()]
    jobs = [(root, settings, number) for number in todo]
    start = len(names) - len(todo)
    with tqdm(total=len(names), initial=start, unit="scene", disable=not progress) as bar:
        for _ in run_jobs(_make_scene, jobs, workers if len(jobs) > 1 else 0):
            bar.update()
    _finish(root, settings, [json.loads((unfinished / f"{x}.json").read_text()) for x in names])
    logger.info("%s: %d synthetic scenes of %d keyframes", root, len(names), settings.keyframes)
    return root


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``create_data.py synthetic``."""
    default = SyntheticSettings()
    add = parser.add_argument
    add("--root", required=True, help="folder to create")
    add(
        "--scenes",
        type=int,
        default=default.scenes,
        help="number of scenes, 1..10 (default: %(default)s)",
    )
    help_keyframes = "annotated samples per scene, 0.5 s apart (default: %(default)s)"
    add("--keyframes", type=int, default=default.keyframes, help=help_keyframes)
    help_sweeps = "LiDAR sweeps between two keyframes (default: %(default)s)"
    add("--sweeps", type=int, default=default.sweeps, help=help_sweeps)
    size = f"{default.width}x{default.height}"
    add(
        "--image-size",
        default=size,
        metavar="WxH",
        help="size of the images in px (default: %(default)s)",
    )
    add(
        "--beams",
        type=int,
        default=default.beams,
        help="number of LiDAR rings (default: %(default)s)",
    )
    add(
        "--seed",
        type=int,
        default=default.seed,
        help="random seed; the same seed gives the same bytes",
    )
    add(
        "--workers",
        type=int,
        default=2,
        help="number of processes; 0 = none (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> None:
    """Create a data set from the options.

    Raises:
        ValueError: If an option is wrong, or the folder holds other files.
    """
    match = re.fullmatch(r"(\d+)x(\d+)", args.image_size)
    if not match:
        raise ValueError(
            f"--image-size must be WIDTHxHEIGHT, such as 800x450, but got {args.image_size!r}."
        )
    settings = SyntheticSettings(
        scenes=args.scenes,
        keyframes=args.keyframes,
        sweeps=args.sweeps,
        width=int(match[1]),
        height=int(match[2]),
        beams=args.beams,
        seed=args.seed,
    )
    try:
        create_synthetic(args.root, settings, workers=args.workers)
    except KeyboardInterrupt:
        MMLogger.get_current_instance().warning(
            "Stopped; finished scenes stay. To go on, run the same command again."
        )
        raise


def _prepare(root: Path, settings: SyntheticSettings) -> bool:
    """Create the folders; return whether the data set is complete already."""
    made = {"format": FORMAT, "settings": settings.as_dict()}
    for path in (root / MANIFEST, root / _UNFINISHED / MANIFEST):
        if path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            if found != made:
                raise ValueError(
                    f"{root} holds synthetic data with other settings: {found}. "
                    "Remove it, or choose another folder."
                )
            return path.parent == root
    if root.is_dir() and any(root.iterdir()):
        raise ValueError(
            f"{root} is not empty and not a synthetic data set. Choose another folder."
        )
    for folder in ("samples", "sweeps"):
        for channel in CHANNELS:
            (root / folder / channel).mkdir(parents=True, exist_ok=True)
    (root / "lidarseg" / VERSION).mkdir(parents=True, exist_ok=True)
    (root / _UNFINISHED).mkdir()
    write_whole(root / _UNFINISHED / MANIFEST, json.dumps(made).encode())
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
    write_tables(root / VERSION, [vocabulary, *(part["tables"] for part in parts), maps])
    (root / "README.md").write_text(_NOTE, encoding="utf-8")
    write_whole(
        root / MANIFEST, json.dumps({"format": FORMAT, "settings": settings.as_dict()}).encode()
    )
    shutil.rmtree(root / _UNFINISHED)
