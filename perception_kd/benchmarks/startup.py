"""Start-up: CPU seconds of --help, and the waits until a first step and superpixels."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from perception_kd.synthetic.create import create_synthetic
from perception_kd.synthetic.world.settings import SyntheticSettings

# The measured processes must not wait for the torch of this one.
if TYPE_CHECKING:
    from perception_kd.benchmarks.harness import BenchmarkSettings, Row

ROOT = Path(__file__).parents[2]
TINY = SyntheticSettings(scenes=2, keyframes=2, sweeps=1, width=320, height=180)
TINY_CONFIG = "configs/ppkt/smoke/ppkt_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_nus.py"
ONE_STEP = ("train_cfg.max_epochs=1", "val_dataloader=None", "val_evaluator=None", "val_cfg=None")
WITHOUT_PACKAGES = ("make_env.py", "audit.py")  # they run before there is an environment


def benchmark_startup(settings: "BenchmarkSettings") -> Iterator["Row"]:
    """Measure the tools of this tree beside those of an earlier one.

    CPU seconds of whole processes with their children, except the first superpixels:
    those are seconds until the first entry is there, with two workers.

    Args:
        settings: Repeats, of which the fastest counts; the earlier commit.

    Yields:
        One row per tool, for its ``--help``; then one for a training of one step, from
        start to end, and one for the first superpixels. Without an earlier commit,
        ``reference_s`` and ``ratio`` are None.
    """
    for tool in sorted((ROOT / "tools").glob("*.py")):
        if tool.name not in WITHOUT_PACKAGES:
            measure = partial(_cpu_seconds, [f"tools/{tool.name}", "--help"])
            yield _compare(f"startup/help/{tool.stem}", measure, settings)
    with tempfile.TemporaryDirectory(prefix="startup_") as name:
        folder = Path(name)
        create_synthetic(folder / "data", TINY, workers=0, progress=False)
        data = ["--root", str(folder / "data"), "--version", "v1.0-mini"]
        out = ["--out-dir", str(folder / "infos"), "--workers", "0"]
        _cpu_seconds(["tools/create_data.py", "nuscenes", *data, *out], ROOT)
        yield _compare("startup/first_step", partial(_train, folder), settings)
        wait = partial(_first_superpixels, folder)
        yield _compare("startup/first_superpixels", wait, settings)


def _compare(name: str, measure: Callable[[Path], float], settings: "BenchmarkSettings") -> "Row":
    """Measure both trees alternately."""
    trees = [ROOT] if settings.against is None else [ROOT, settings.against]
    seconds = [[measure(tree) for tree in trees] for _ in range(settings.repeats)]
    ours_s, *others = (min(column) for column in zip(*seconds, strict=True))
    reference_s = others[0] if others else None
    return {
        "name": name,
        "reference": None if settings.against is None else str(settings.against),
        "ours_s": ours_s,
        "reference_s": reference_s,
        "ratio": None if reference_s is None else reference_s / ours_s,
        "ours_mb": None,
        "reference_mb": None,
        "max_abs_diff": None,
    }


def _environment(tree: Path) -> dict[str, str]:
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**os.environ, "PYTHONPATH": str(tree), **one_thread}


def _cpu_seconds(command: Sequence[str], tree: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, *command],
        cwd=tree,
        env=_environment(tree),
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _train(folder: Path, tree: Path) -> float:
    work_dir = folder / "work_dir"
    shutil.rmtree(work_dir, ignore_errors=True)
    folders = ["--data-root", str(folder / "data"), "--info-root", str(folder / "infos")]
    options = ["--work-dir", str(work_dir), "--cfg-options", *ONE_STEP]
    return _cpu_seconds(["tools/train.py", TINY_CONFIG, *folders, *options], tree)


def _first_superpixels(folder: Path, tree: Path) -> float:
    cache = folder / "superpixels"
    shutil.rmtree(cache, ignore_errors=True)
    source = ["--info", *map(str, sorted((folder / "infos").glob("*_infos_*.pkl")))]
    source += ["--data-root", str(folder / "data"), "--out-dir", str(cache), "--workers", "2"]
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "tools/create_data.py", "superpixels", *source],
        cwd=tree,
        env=_environment(tree),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and not _has_entries(cache):
        time.sleep(0.005)
    seconds = time.perf_counter() - start
    if process.wait() != 0:
        raise RuntimeError(f"tools/create_data.py superpixels of {tree} failed.")
    return seconds


def _has_entries(cache: Path) -> bool:
    # Unfinished files begin with a point.
    return any(path.suffix != ".json" for path in cache.glob("[!.]*"))
