"""Info files from the tables of nuScenes."""

import shlex
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from perception_kd.datasets.box_checks import Fit, find_empty_boxes, find_turned_boxes
from perception_kd.datasets.conversion import Converted, find_stale_files
from perception_kd.datasets.nuscenes.categories import (
    check_box_categories,
    count_words,
    is_own_category,
    make_categories,
    own_labels_without_class,
    read_point_labels,
)
from perception_kd.datasets.nuscenes.extrinsics import describe_extrinsics
from perception_kd.datasets.nuscenes.frames import data_prefix
from perception_kd.datasets.nuscenes.json_records import Record
from perception_kd.datasets.nuscenes.labels import box_class
from perception_kd.datasets.nuscenes.options import SceneOptions
from perception_kd.datasets.nuscenes.partition import ScenePartition, check_tables
from perception_kd.datasets.nuscenes.samples import ScenePart, convert_scene
from perception_kd.datasets.nuscenes.scene_splits import SPLITS_FILE, choose_splits, find_unknown
from perception_kd.datasets.remarks import Remarks
from perception_kd.io.atomic import make_writable_folder, remove_leftovers
from perception_kd.io.info_writer import InfoWriter, make_metainfo
from perception_kd.io.lock import lock_folder
from perception_kd.io.names import safe_name
from perception_kd.io.workers import Workers, check_workers, run_jobs

_Job = tuple[ScenePartition, Record, SceneOptions, int | None]
_WORK_FOLDER = ".create_data_"


def convert_nuscenes(
    root: str | Path,
    version: str,
    out_dir: str | Path | None = None,
    prefix: str = "nuscenes",
    options: SceneOptions | None = None,
    *,
    splits: Mapping[str, Sequence[str]] | None = None,
    workers: Workers = 2,
    progress: bool = True,
) -> Converted:
    """Write the info files of a version of nuScenes, or of a data set in its format.

    The tables are first partitioned by scene into a temporary folder in ``out_dir``,
    which becomes as large as the tables; then each worker holds one scene at a time.

    Args:
        root: Folder with ``samples`` and the version's tables.
        version: Name of the folder of the tables, such as v1.0-mini.
        out_dir: Folder of ``{prefix}_infos_{split}.pkl``; ``root`` if None.
        prefix: Prefix of the file names.
        options: Content of the entries, sensors, layout of points, missing files.
        splits: Names of scenes by split, as in :func:`~.scene_splits.choose_splits`.
        workers: Number of worker processes, 0 uses this process; or a pool elsewhere.
        progress: Show progress bars.

    Raises:
        FileNotFoundError: If tables are missing; if ``options.strict``, any keyframe's
            file; or
            if no scene is complete.
        PermissionError: If ``out_dir`` cannot be written to.
        BlockingIOError: If another process writes to it.
        ValueError: If splits are unknown, a table or a file cannot be what it is read
            as, all categories are unknown, or ``workers`` is negative.
    """
    check_workers(workers)
    root, options = Path(root).absolute(), options or SceneOptions()
    safe_name(prefix, "--prefix")
    check_tables(root, version)
    split_scenes = choose_splits(root / version, splits)
    split_of = {scene: split for split, scenes in split_scenes.items() for scene in scenes}
    out_dir = make_writable_folder("--out-dir", out_dir or root)
    with _work_folder(out_dir) as folder:
        tables = ScenePartition(
            root, version, folder, lidar=options.lidar, cameras=options.cameras, progress=progress
        )
        labels = read_point_labels(root / version, tables.categories) if tables.has_labels else None
        command = ["python", "tools/create_data.py", "nuscenes", "--root", str(root)]
        command += ["--version", version, "--out-dir", str(out_dir), "--prefix", prefix]
        metainfo = make_metainfo(
            "nuscenes",
            version,
            shlex.join([*command, *options.as_words()]),
            categories=make_categories(tables.categories),
            data_prefix=data_prefix(root, version, tables.sensors),
            lidar=tables.sensors.lidar,
            **({} if labels is None else {"point_labels": labels}),
        )
        largest = None if labels is None else max(labels.values())
        with _SplitWriter(out_dir, prefix, metainfo) as writer:
            for scene, part in _convert_scenes(
                tables, split_of, options, largest, workers, progress
            ):
                if part.missing_file and options.strict:
                    raise FileNotFoundError(
                        f"{root / part.missing_file}, of a keyframe of {scene['name']}, is "
                        "missing; unpack it, or drop --strict."
                    )
                writer.append(split_of[scene["name"]], scene["name"], part)
            _check_written(writer, root / version, tables, boxes=options.boxes)
    converted = writer.converted
    converted.extrinsics = describe_extrinsics(root / version, converted.excerpts)
    for scene in tables.scenes:
        if scene["name"] not in split_of:
            converted.skipped[scene["name"]] = f"in no split of {version}"
    if splits or (root / version / SPLITS_FILE).is_file():  # official ones have other scenes
        names = [scene["name"] for scene in tables.scenes]
        converted.remarks += find_unknown(split_scenes, names, root / version)
    converted.remarks += writer.describe_remarks(tables, labels)
    absent = [split for split in split_scenes if split not in converted.paths]
    converted.remarks += find_stale_files(out_dir, prefix, absent)
    return converted


@contextmanager
def _work_folder(out_dir: Path) -> Iterator[Path]:
    """Lock a folder, remove what killed conversions left there, and make one in it."""
    with lock_folder("--out-dir", out_dir):
        remove_leftovers(out_dir)
        for left in out_dir.glob(f"{_WORK_FOLDER}*"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=out_dir, prefix=_WORK_FOLDER) as folder:
            yield Path(folder)


class _SplitWriter:
    """Write scenes to the files of their splits; all files appear at the end."""

    def __init__(self, out_dir: Path, prefix: str, metainfo: dict[str, Any]) -> None:
        self._out_dir, self._prefix, self._metainfo = out_dir, prefix, metainfo
        self._writers: dict[str, InfoWriter] = {}
        self._files = ExitStack()
        self.converted = Converted()
        self.num_boxes: Counter[str] = Counter()
        self.remarks = Remarks()
        self._fits: dict[str, Fit] = {}

    def __enter__(self) -> "_SplitWriter":
        self._files.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._files.__exit__(*exception)
        self.converted.excerpts += [writer.excerpt for writer in self._writers.values()]

    def append(self, split: str, scene_name: str, part: ScenePart) -> None:
        if part.fault:
            self.converted.skipped[scene_name] = part.fault
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
        self.num_boxes += part.num_boxes
        self.remarks.merge(part.remarks)
        for name, fit in part.fits.items():
            self._fits[name] = self._fits.get(name, Fit()).plus(fit)

    def describe_remarks(
        self, tables: ScenePartition, labels: Mapping[str, int] | None
    ) -> list[str]:
        """Return one line for all that was left out or filled in."""
        lines = self.remarks.lines()
        lines += [*find_turned_boxes(self._fits), *find_empty_boxes(self._fits)]
        if tables.sensors.left_out:
            lines.append(f"Left out sensors: {', '.join(tables.sensors.left_out)}.")
        if not self.num_boxes:
            lines.append("No annotated boxes.")
        if unknown := {x: n for x, n in self.num_boxes.items() if box_class(x) is None}:
            own = {x: n for x, n in unknown.items() if is_own_category(x)}
            if own:
                lines.append(f"Boxes that are used only with --classes: {count_words(own)}.")
            if others := {x: n for x, n in unknown.items() if x not in own}:
                lines.append(f"Boxes of categories without a class: {count_words(others)}.")
        if unknown_labels := own_labels_without_class(labels or ()):
            lines.append(
                f"Point labels that are used only with --classes: {', '.join(unknown_labels)}."
            )
        if tables.unmatched_labels:
            lines.append(
                f"{len(tables.unmatched_labels)} rows of lidarseg.json belong to no keyframe of "
                f"{tables.sensors.lidar}, such as {tables.unmatched_labels[0]}."
            )
        return lines


def _convert_scenes(
    tables: ScenePartition,
    names: Mapping[str, str],
    options: SceneOptions,
    largest_label: int | None,
    workers: Workers,
    progress: bool,
) -> Iterator[tuple[Record, ScenePart]]:
    """Yield the scenes of some names, converted, in the order of the table."""
    scenes = [scene for scene in tables.scenes if scene["name"] in names]
    jobs = [(tables, scene, options, largest_label) for scene in scenes]
    total = sum(scene["nbr_samples"] for scene in scenes)
    with tqdm(desc="samples", total=total, disable=not progress) as bar:
        for (_, scene, _, _), part in run_jobs(_convert_job, jobs, workers, in_order=True):
            bar.update(scene["nbr_samples"])
            yield scene, part


def _convert_job(job: _Job) -> ScenePart:
    tables, scene, options, largest_label = job
    return convert_scene(tables.open_scene(scene), scene, tables.sensors, options, largest_label)


def _check_written(
    writer: _SplitWriter, folder: Path, tables: ScenePartition, *, boxes: bool
) -> None:
    """Refuse a conversion of which nothing, or next to nothing, could be used."""
    if not writer.converted.paths:
        raise FileNotFoundError(_nothing_text(folder, tables, writer.converted))
    if most := writer.remarks.find_most():
        raise FileNotFoundError(f"{folder.parent}: {most}")
    if boxes:
        check_box_categories(folder, writer.num_boxes)


def _nothing_text(folder: Path, tables: ScenePartition, converted: Converted) -> str:
    """Return the error that says why there is no info file."""
    if not tables.scenes:
        return f"{folder / 'scene.json'} has no scene; unpack it again."
    if not converted.skipped:
        return (
            f"None of the {len(tables.scenes)} scenes in {folder / 'scene.json'}, such as "
            f"{tables.scenes[0]['name']}, is in a split; name them in {folder / 'splits.json'}, or "
            "give --train-scenes and --val-scenes."
        )
    name, reason = next(iter(converted.skipped.items()))
    return (
        f"All {len(converted.skipped)} scenes in {folder.parent} lack files, such as {name}: "
        f"{reason}; unpack the samples there, give another --root, or choose sensors with "
        "--cameras or --no-cameras."
    )
