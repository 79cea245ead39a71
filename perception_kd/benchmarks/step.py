"""Whole training steps, compared with those of an earlier commit, and their parts."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch
from mmengine import Config

from perception_kd.benchmarks.harness import BenchmarkSettings, Row
from perception_kd.benchmarks.startup import ROOT
from perception_kd.doctor.smoke_data import make_smoke_data
from perception_kd.synthetic.world.settings import SyntheticSettings

_RENAMED = "configs/renamed.json"
_MAX_PARTS = 3
_WARM_UP = 2


class StepSize(NamedTuple):
    """Data and configs of steps of one size.

    Attributes:
        data: Settings of the synthetic data.
        batch_size: Samples per batch; 0 for the config's.
        configs: Config of each method, below ``configs/``.
    """

    data: SyntheticSettings
    batch_size: int
    configs: Mapping[str, str]


SIZES = {
    "demo": StepSize(
        SyntheticSettings(scenes=2, keyframes=2, sweeps=0),
        0,
        {
            "slidr": "slidr/slidr_efflite0_minkunet-small_1xb2-adamw-cosine-4e_synthetic.py",
            "prc": "calico/prc_pillar04-small_1xb2-adamw-cosine-8e_synthetic.py",
            "rad": "calico/rad_r18-lss-small_pillar04-small_1xb2-adamw-cosine-8e_synthetic.py",
            "detector": "det/det_pillar04-small_1xb2-adamw-cosine-10e_synthetic.py",
        },
    ),
    "full": StepSize(
        SyntheticSettings(scenes=2, keyframes=2, sweeps=9, width=1600, height=900),
        1,
        {
            "slidr": "slidr/slidr_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_nus.py",
            "prc": "calico/prc_pillar02_8xb4-cyclic-20e_nus.py",
            "rad": "calico/rad_swint-lss_pillar02_8xb4-cyclic-20e_nus.py",
            "detector": "det/det_swint-lss_pillar02_8xb4-cyclic-20e_nus.py",
        },
    ),
}


class StepProcess:
    """A process that takes training steps with the code of a tree.

    Args:
        tree: Checkout of this project.
        configs: The config, and its earlier names; relative to the tree.
        data_root: Folder of the data, with info files and caches.
        batch_size: Samples per batch; 0 for the config's.
        device: Where to compute.
    """

    def __init__(
        self, tree: Path, configs: Sequence[str], data_root: Path, batch_size: int, device: str
    ) -> None:
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115
        settings = {
            "configs": list(configs),
            "data_root": str(data_root),
            "batch_size": batch_size,
            "device": device,
        }
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-P", str(ROOT / "perception_kd/benchmarks/step_process.py")),
                json.dumps(settings),
            ],
            cwd=tree,
            env={
                **os.environ,
                "PYTHONPATH": str(tree),
                "OMP_NUM_THREADS": str(torch.get_num_threads()),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._tree = tree

    def __enter__(self) -> Self:
        """Return the process."""
        return self

    def __exit__(self, *error: object) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def ask(self, line: str) -> Any:
        """Let it take a step and return its reply.

        Args:
            line: "step" for the seconds, "parts" for a list of parts.

        Raises:
            RuntimeError: If it has failed; its last lines are shown.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            answer = ""
        else:
            answer = self._process.stdout.readline()
        if not answer:
            self._log.seek(0)
            last = "".join(self._log.readlines()[-8:])
            raise RuntimeError(f"The training step of {self._tree} failed:\n{last}")
        return json.loads(answer)


def benchmark_step(settings: BenchmarkSettings) -> Iterator[Row]:
    """Measure training steps of each method at demo size, at full size, or at both.

    A step is the forward and backward pass and the optimizer, for one batch that is
    loaded before; CPU seconds, or on a GPU those that pass. Data are synthetic. The
    step of another commit is that of the config of the same name there, or of a former
    name, on the same data.

    Args:
        settings: Repeats, of which the fastest counts; the device; the other commit;
            the size.

    Yields:
        One row per method and size. ``parts`` has its largest parts on a CPU: ``name``,
        ``share`` of the step, ``seconds``, ``products_s`` that matrix products of as
        many operations take in the same process.
    """
    for size, step in SIZES.items():
        if settings.size not in (size, "all"):
            continue
        with tempfile.TemporaryDirectory(prefix="step_") as folder:
            cfgs = [Config.fromfile(ROOT / "configs" / name) for name in step.configs.values()]
            make_smoke_data(Path(folder), cfgs, step.data)
            for method in step.configs:
                yield compare_commits(f"{size}/{method}", Path(folder), settings)


def compare_commits(name: str, data_root: Path, settings: BenchmarkSettings) -> Row:
    """Take steps of both trees alternately.

    Args:
        name: Size and method, such as "demo/slidr".
        data_root: Folder of the data.
        settings: As for :func:`benchmark_step`.
    """
    size, method = name.split("/")
    config = SIZES[size].configs[method]
    names = [f"configs/{each}" for each in (config, *former_names(config))]
    given = (data_root, SIZES[size].batch_size, settings.device)
    with ExitStack() as processes:
        ours = processes.enter_context(StepProcess(ROOT, names[:1], *given))
        trees = [ours]
        if settings.against is not None:
            trees.append(processes.enter_context(StepProcess(settings.against, names, *given)))
        seconds = [
            [process.ask("step") for process in trees] for _ in range(_WARM_UP + settings.repeats)
        ]
        ours_s, *others = (min(column) for column in zip(*seconds[_WARM_UP:], strict=True))
        parts = ours.ask("parts") if settings.device == "cpu" else []
    for part in parts:
        part["seconds"] = part["share"] * ours_s
    return {
        "name": f"step/{name}",
        "reference": None if settings.against is None else str(settings.against),
        "ours_s": ours_s,
        "reference_s": others[0] if others else None,
        "ratio": others[0] / ours_s if others else None,
        "ours_mb": None,
        "reference_mb": None,
        "max_abs_diff": None,
        "parts": parts[:_MAX_PARTS],
    }


def former_names(config: str) -> list[str]:
    """Return the names that a config has had in earlier commits, below ``configs/``."""
    renamed: dict[str, str] = json.loads((ROOT / _RENAMED).read_text())
    return [former for former, now in renamed.items() if now == config]
