"""Conversion of nuScenes' tables, compared with that of mmdet3d."""

import contextlib
import importlib.util
import io
import pickle
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import mmengine
import numpy as np

from perception_kd.benchmarks.scene_tables import write_scene_tables
from perception_kd.datasets.nuscenes.converter import convert_nuscenes
from perception_kd.io.info_file import read_info
from perception_kd.io.workers import run_jobs

# The harness imports torch, which the measured processes must not hold.
if TYPE_CHECKING:
    from perception_kd.benchmarks.harness import BenchmarkSettings, Row

TABLES_VERSION = "v1.0-trainval"
NUMBERS_OF_SCENES = (10, 100, 850)
_PARTS = ("train", "val")
_NUM_COMPARED = 200


class _Measured(NamedTuple):
    seconds: float
    megabytes: float


def benchmark_convert(
    settings: "BenchmarkSettings", sizes: tuple[int, ...] = NUMBERS_OF_SCENES
) -> "Iterator[Row]":
    """Compare conversions of 10, 100 and 850 scenes, tables as large as nuScenes'.

    Each runs once, in a process of its own, and in one process: CPU seconds. The
    reference is ``_fill_trainval_infos`` of mmdet3d's ``nuscenes_converter.py``, whose
    infos it still converts to another format afterwards, which is left out. Results are
    compared by the transforms from the LiDAR to each camera.

    Args:
        settings: Not used: a run takes minutes.
        sizes: Numbers of scenes.

    Yields:
        One row per size.

    Raises:
        RuntimeError: If other samples are converted, or with other sweeps.
    """
    from nuscenes.utils import splits

    names = [*splits.train, *splits.val]
    # Both splits have scenes at all sizes.
    names = [name for pair in zip(names, names[::-1], strict=True) for name in pair]
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="convert_") as name:
            folder = Path(name)
            write_scene_tables(folder / "data", TABLES_VERSION, list(dict.fromkeys(names))[:size])
            (folder / "ours").mkdir()
            ours, theirs = (_measure(run, folder) for run in (_run_ours, _run_theirs))
            yield {
                "name": f"convert/{size}",
                "reference": "mmdet3d's converter",
                "ours_s": ours.seconds,
                "reference_s": theirs.seconds,
                "ratio": theirs.seconds / ours.seconds,
                "ours_mb": ours.megabytes,
                "reference_mb": theirs.megabytes,
                "max_abs_diff": compare_infos(folder),
            }


def compare_infos(folder: Path) -> float:
    """Return the largest difference of transforms from the LiDAR to cameras.

    Raises:
        RuntimeError: If samples or their numbers of sweeps and boxes differ.
    """
    differences = [0.0]
    for part in _PARTS:
        ours = {
            info["token"]: info
            for info in read_info(folder / "ours" / f"nuscenes_infos_{part}.pkl")["data_list"]
        }
        theirs = pickle.loads((folder / f"reference_{part}.pkl").read_bytes())
        if ours.keys() != {info["token"] for info in theirs}:
            raise RuntimeError(f"Other samples of {part} were converted.")
        for info in theirs[:: len(theirs) // _NUM_COMPARED + 1]:
            differences += _differences(ours[info["token"]], info)
    return max(differences)


def _differences(ours: dict[str, Any], theirs: dict[str, Any]) -> Iterator[float]:
    found = len(ours.get("lidar_sweeps", ())), len(ours["instances"])
    expected = len(theirs["sweeps"]), len(theirs["gt_boxes"])
    if found != expected:
        raise RuntimeError(f"Sweeps and boxes must be {expected}, but are {found}.")
    for name, camera in theirs["cams"].items():
        camera2lidar = np.eye(4)
        camera2lidar[:3, :3] = camera["sensor2lidar_rotation"]
        camera2lidar[:3, 3] = camera["sensor2lidar_translation"]
        lidar2cam = np.array(ours["images"][name]["lidar2cam"])
        yield float(np.abs(lidar2cam @ camera2lidar - np.eye(4)).max())


def _measure(run: Callable[[Path], None], folder: Path) -> _Measured:
    """Run in a process of its own, whose peak of memory is its alone."""
    ((_, measured),) = run_jobs(_run, [(run, folder)], workers=1)
    return measured


def _run(job: tuple[Callable[[Path], None], Path]) -> _Measured:
    run, folder = job
    before, start = _peak_mb(), time.process_time()
    run(folder)
    return _Measured(time.process_time() - start, _peak_mb() - before)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def _run_ours(folder: Path) -> None:
    convert_nuscenes(folder / "data", TABLES_VERSION, folder / "ours", workers=0, progress=False)


def _run_theirs(folder: Path) -> None:
    from nuscenes import NuScenes
    from nuscenes.utils import splits

    path = _find_converter()
    spec = importlib.util.spec_from_file_location("mmdet3d_nuscenes_converter", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    nusc = NuScenes(TABLES_VERSION, str(folder / "data"), verbose=False)
    tokens = [{s["token"] for s in nusc.scene if s["name"] in splits.train}, set[str]()]
    with contextlib.redirect_stdout(io.StringIO()):  # a progress bar
        infos = module._fill_trainval_infos(nusc, *tokens)
    for part, content in zip(_PARTS, infos, strict=True):
        mmengine.dump(content, folder / f"reference_{part}.pkl")


def _find_converter() -> Path:
    import mmdet3d

    path = Path(mmdet3d.__file__).parent / ".mim/tools/dataset_converters/nuscenes_converter.py"
    if not path.is_file():
        raise FileNotFoundError(f"mmdet3d's converter is not at {path}; install mmdet3d from PyPI.")
    return path
