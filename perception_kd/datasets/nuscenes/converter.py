"""Info files from the tables of nuScenes."""

import shlex
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tqdm import tqdm

from perception_kd.datasets.conversion import Converted
from perception_kd.datasets.nuscenes.labels import NUSCENES_INFO_CLASSES
from perception_kd.datasets.nuscenes.options import SceneOptions
from perception_kd.datasets.nuscenes.samples import (
    ScenePart,
    convert_scene,
    data_prefix,
    detection_label,
)
from perception_kd.datasets.nuscenes.splits import split_names, split_scenes
from perception_kd.datasets.nuscenes.tables import Record, ScenePartition, check_tables
from perception_kd.io.atomic import make_writable_folder
from perception_kd.io.info_writer import InfoWriter, make_metainfo
from perception_kd.io.workers import run_jobs
from perception_kd.utils.checks import check_at_least


def convert_nuscenes(
    root: str | Path,
    version: str,
    out_dir: str | Path | None = None,
    prefix: str = "nuscenes",
    options: SceneOptions | None = None,
    *,
    workers: int = 2,
    strict: bool = False,
    progress: bool = True,
) -> Converted:
    """Write the info files of a version of nuScenes, one per split.

    The tables are first partitioned by scene into a temporary folder in ``out_dir``,
    which becomes as large as the tables; then each worker holds one scene at a time.

    Args:
        root: Folder with ``samples`` and the version's tables.
        version: v1.0-mini, v1.0-trainval or v1.0-test.
        out_dir: Folder of ``{prefix}_infos_{split}.pkl``; ``root`` if None.
        prefix: Prefix of the file names.
        options: Optional content of the entries.
        workers: Number of worker processes; 0 uses this process.
        strict: Whether a missing file of a keyframe is an error; otherwise its scene is
            skipped.
        progress: Show progress bars.

    Raises:
        FileNotFoundError: If tables are missing; if ``strict``, any keyframe's file; or
            if no scene is complete.
        PermissionError: If ``out_dir`` cannot be written to.
        ValueError: If the version is unknown, a table is broken or ``workers`` is
            negative.
    """
    check_at_least("workers", workers, 0)
    root, options = Path(root).absolute(), options or SceneOptions()
    split_of = {
        name: split for split in split_names(version) for name in split_scenes(version, split)
    }
    check_tables(root, version)
    out_dir = make_writable_folder("--out-dir", out_dir or root)
    with tempfile.TemporaryDirectory(dir=out_dir, prefix=".create_data_") as folder:
        tables = ScenePartition(root, version, Path(folder), progress)
        metainfo = _make_metainfo(root, version, out_dir, prefix, options, tables.categories)
        with _SplitWriter(out_dir, prefix, metainfo) as writer:
            for scene, part in _convert_scenes(tables, list(split_of), options, workers, progress):
                if part.missing_file and strict:
                    raise FileNotFoundError(
                        f"{root / part.missing_file}, a keyframe of {scene['name']}, is missing; "
                        "unpack it, or drop --strict."
                    )
                writer.append(split_of[scene["name"]], scene["name"], part)
            if not writer.converted.paths:
                raise FileNotFoundError(_nothing_text(root, version, writer.converted.skipped))
    for scene in tables.scenes:
        if scene["name"] not in split_of:
            writer.converted.skipped[scene["name"]] = f"in no split of {version}"
    return writer.converted


class _SplitWriter:
    """Write scenes to the files of their splits; all files appear at the end."""

    def __init__(self, out_dir: Path, prefix: str, metainfo: dict[str, Any]) -> None:
        self._out_dir, self._prefix, self._metainfo = out_dir, prefix, metainfo
        self._writers: dict[str, InfoWriter] = {}
        self._files = ExitStack()
        self.converted = Converted()

    def __enter__(self) -> "_SplitWriter":
        self._files.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._files.__exit__(*exception)

    def append(self, split: str, scene_name: str, part: ScenePart) -> None:
        if part.missing_file:
            self.converted.skipped[scene_name] = f"{part.missing_file} is missing"
            return
        if split not in self._writers:
            path = self._out_dir / f"{self._prefix}_infos_{split}.pkl"
            self._writers[split] = self._files.enter_context(InfoWriter(path, self._metainfo))
            self.converted.paths[split] = path
        writer = self._writers[split]
        for sample in part.samples:
            # Evaluation finds samples by their place in the file.
            writer.append({"sample_idx": writer.num_samples} | sample)
        self.converted.num_samples[split] = writer.num_samples
        self.converted.num_missing_sweeps += part.num_missing_sweeps


def _convert_scenes(
    tables: ScenePartition, names: list[str], options: SceneOptions, workers: int, progress: bool
) -> Iterator[tuple[Record, ScenePart]]:
    """Yield the scenes of some names, converted, in the order of the table."""
    scenes = [scene for scene in tables.scenes if scene["name"] in set(names)]
    jobs = [(tables, scene, options) for scene in scenes]
    total = sum(scene["nbr_samples"] for scene in scenes)
    with tqdm(desc="samples", total=total, disable=not progress) as bar:
        for (_, scene, _), part in run_jobs(_convert_job, jobs, workers, in_order=True):
            bar.update(scene["nbr_samples"])
            yield scene, part


def _convert_job(job: tuple[ScenePartition, Record, SceneOptions]) -> ScenePart:
    tables, scene, options = job
    return convert_scene(tables.open_scene(scene), scene, options)


def _make_metainfo(
    root: Path,
    version: str,
    out_dir: Path,
    prefix: str,
    options: SceneOptions,
    categories: list[str],
) -> dict[str, Any]:
    command = ["python", "tools/create_data.py", "nuscenes", "--root", str(root)]
    command += ["--version", version, "--out-dir", str(out_dir), "--prefix", prefix]
    command += ["--max-sweeps", str(options.max_sweeps)]
    command += ["--max-camera-sweeps", str(options.max_camera_sweeps)]
    command += ["--camera-boxes"] * options.camera_boxes
    others = {name: -1 for name in categories if detection_label(name) == -1}
    return make_metainfo(
        "nuscenes",
        version,
        shlex.join(command),
        categories={name: i for i, name in enumerate(NUSCENES_INFO_CLASSES)} | others,
        data_prefix=data_prefix(version),
    )


def _nothing_text(root: Path, version: str, skipped: dict[str, str]) -> str:
    if not skipped:
        return f"{root / version} has no scene of an official split."
    name, reason = next(iter(skipped.items()))
    return (
        f"All {len(skipped)} scenes in {root} lack files, such as {name}: {reason}; unpack the "
        "samples there, or give another --root."
    )
