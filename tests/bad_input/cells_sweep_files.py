"""Files of label sweeps."""

from pathlib import Path

from perception_kd.experiments.label_sweeps.plan_file import read_label_sweep
from perception_kd.experiments.label_sweeps.settings import LabelSweepPlan
from perception_kd.utils.project_files import find_project_files
from tests.bad_input import damage
from tests.bad_input.table import refused

SWEEP = "file of a label sweep"
PROBE = "configs/lidarseg/lidarseg-probe_minkunet-small_1xb4-adamw-cosine-10e_synthetic-1of2.py"
TEXT = f"""
data = dict(synthetic=[])
labels = [100]
seeds = 2
initializations = dict()
tasks = dict(probe=dict(about="Probe", config="{find_project_files() / PROBE}"))
"""


def sweep(folder: Path, text: str = TEXT, harm: damage.Damage = damage.spare) -> LabelSweepPlan:
    path = folder / "trial.py"
    path.write_text(text)
    harm(path)
    return read_label_sweep(path)


@refused(SWEEP, "missing", "the path", r"no file .*trial\.py of a sweep", FileNotFoundError)
def _(folder: Path) -> None:
    sweep(folder, harm=damage.remove)


@refused(SWEEP, "empty", "the first setting that is missing", r"trial\.py\.data .* is missing")
def _(folder: Path) -> None:
    sweep(folder, harm=damage.clear)


@refused(SWEEP, "truncated", "file and line", r"trial\.py, line \d+, cannot be read: SyntaxError")
def _(folder: Path) -> None:
    sweep(folder, TEXT[:-9])


@refused(SWEEP, "garbage", "the path", r"trial\.py.* cannot be read")
def _(folder: Path) -> None:
    sweep(folder, harm=damage.scramble)


@refused(SWEEP, "wrong shape", "the setting", r"trial\.py\.labels must be a list")
def _(folder: Path) -> None:
    sweep(folder, TEXT.replace("[100]", "100"))


@refused(SWEEP, "wrong dtype", "the setting", r"trial\.py\.seeds must be a int")
def _(folder: Path) -> None:
    sweep(folder, TEXT.replace("seeds = 2", 'seeds = "two"'))


@refused(SWEEP, "NaN/inf", "the setting", r"trial\.py has NaN as labels\.0")
def _(folder: Path) -> None:
    sweep(folder, TEXT.replace("[100]", '[float("nan")]'))


@refused(SWEEP, "huge", "a file above 16 MiB", r"trial\.py is a folder or too large")
def _(folder: Path) -> None:
    sweep(folder, harm=damage.blow_up)


@refused(SWEEP, "other version", "a setting that is unknown", r"trial\.py has no setting epochs")
def _(folder: Path) -> None:
    sweep(folder, TEXT + "epochs = 5\n")


@refused(SWEEP, "other data set", "the config that is missing", r"no config", FileNotFoundError)
def _(folder: Path) -> None:
    sweep(folder, TEXT.replace("_synthetic-1of2", "_other"))


@refused(SWEEP, "call of exit()", "file and line", r"trial\.py, line 1, cannot be read: SystemExit")
def _(folder: Path) -> None:
    sweep(folder, "raise SystemExit(0)\n")


@refused(SWEEP, "more seeds than anyone trains", "the number", r"seeds must be .* 1000")
def _(folder: Path) -> None:
    sweep(folder, TEXT.replace("seeds = 2", "seeds = 10**12"))
