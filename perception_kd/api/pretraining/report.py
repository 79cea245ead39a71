"""The report of a pre-training, as a page of text."""

from collections.abc import Iterator
from pathlib import Path

from perception_kd.api.pretraining.preparation import Prepared
from perception_kd.api.pretraining.record import PretrainRecord
from perception_kd.experiments.report.training import validation_curve
from perception_kd.experiments.report.training_run import TrainingRun
from perception_kd.io.atomic import write_whole

_NAME = "report.md"


def write_pretraining_report(record: PretrainRecord, prepared: Prepared) -> Path:
    """Write ``report.md``: data, choices, losses, and how to use the checkpoint.

    Args:
        record: What was asked for, chosen and finished.
        prepared: The data.

    Returns:
        The file.
    """
    path = record.out / _NAME
    write_whole(path, ("\n".join(_lines(record, prepared)) + "\n").encode())
    return path


def _lines(record: PretrainRecord, prepared: Prepared) -> Iterator[str]:
    yield f"# Pre-training by {record.arguments['method']}"
    yield ""
    yield f"- data: `{prepared.data_root}`, info files and caches: `{prepared.info_root}`"
    yield f"- {prepared.num_train} frames for training, {prepared.num_val} for validation"
    yield f"- cameras: {', '.join(prepared.cameras) or 'none'}"
    for stage in record.stages:
        yield from ("", f"## {stage}", "")
        yield from (f"- {choice}" for choice in record.choices(stage))
        yield from _describe_losses(TrainingRun(record.out / stage))
        yield f"- time of the last call: {record.seconds(stage) / 60:.1f} minutes"
        yield f"- config: `{stage}.py`; checkpoint: `{record.checkpoint(stage)}`"
    yield from ("", "## Use", "", "```python", "import perception_kd", "")
    yield f'net = perception_kd.load("{record.checkpoint(record.stages[-1])}")'
    call = "net.bev(cloud)" if record.stages[-1] in ("prc", "rad") else "net.points(cloud)"
    yield from (f"feats = {call}", "```")


def _describe_losses(run: TrainingRun) -> Iterator[str]:
    """Describe the first and the last losses of a training, each of some steps."""
    curve = [loss for _, loss in run.training_curve("loss")]
    if curve:
        yield f"- training loss: {curve[0]:.3f} at first, {curve[-1]:.3f} at the end"
    validated = validation_curve(run)
    if validated:
        yield f"- validation loss: {validated[-1][1]:.3f}"
