"""Pre-train on a folder of data, in one call that can be repeated."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mmengine import Config
from mmengine.logging import print_log

from perception_kd.api.pretraining.arguments import (
    PretrainOptions,
    check_length,
    check_method,
    check_teachers,
)
from perception_kd.api.pretraining.hardware import Hardware, find_hardware
from perception_kd.api.pretraining.length import (
    Length,
    choose_length,
    count_length,
    set_length,
)
from perception_kd.api.pretraining.preparation import Prepared, convert, make_cache
from perception_kd.api.pretraining.record import PretrainRecord
from perception_kd.api.pretraining.report import write_pretraining_report
from perception_kd.api.pretraining.settings import (
    NEED_CAMERAS,
    STAGES,
    Choice,
    apply_arguments,
    make_settings,
    samples_per_step,
)
from perception_kd.api.pretraining.sources import find_source, hash_rig
from perception_kd.api.pretraining.written_config import read_written_config
from perception_kd.checkpoints.folder import find_newest, list_checkpoints
from perception_kd.engine.config.overrides import set_training
from perception_kd.engine.run.launch import read_config
from perception_kd.engine.run.training import run_training
from perception_kd.engine.trackers.choice import set_tracker
from perception_kd.io.atomic import make_writable_folder, write_whole
from perception_kd.io.lock import lock_folder
from perception_kd.regions.codec import REGIONS
from perception_kd.superpixels.codec import SUPERPIXELS
from perception_kd.utils.project_files import find_project_files

_MINUTES = 30.0
_DEFAULTS = PretrainOptions()
_CACHES = {"slidr": SUPERPIXELS, "prc": REGIONS, "rad": REGIONS}
_TRAIN = find_project_files() / "tools" / "train.py"


class Pretrained(NamedTuple):
    """Files that a pre-training has written.

    Attributes:
        checkpoint: The weights, for :func:`perception_kd.load` or ``--pretrained``.
        config: Config of the (last) training, which ``tools/train.py`` runs.
        report: What was chosen, done and learned.

    Example:
        >>> folder = Path("work_dirs/x")
        >>> weights = folder / "slidr" / "epoch_4.pth"
        >>> done = Pretrained(weights, folder / "slidr.py", folder / "report.md")
        >>> done.checkpoint.name
        'epoch_4.pth'
    """

    checkpoint: Path
    config: Path
    report: Path


def pretrain(
    data: str | Path,
    method: str = "slidr",
    out: str | Path = "work_dirs/pretrained",
    *,
    minutes: float | None = None,
    epochs: int | None = None,
    teacher: str = "",
    options: PretrainOptions = _DEFAULTS,
) -> Pretrained:
    """Pre-train a network on a folder of recordings, without labels.

    It converts the data and makes caches of superpixels or regions, as far as they are
    missing, chooses settings for the machine and the number of frames, and trains.
    Every choice is logged and stands in ``out/report.md`` and at the top of the config
    ``out/STAGE.py``, which ``tools/train.py`` runs by itself. Nothing is written
    outside of ``out``, and nothing at all before the arguments are checked. The same
    call continues where an earlier one was stopped; before its first checkpoint, it may
    have other arguments.

    Args:
        data: Folder of a recording with ``rig.yaml`` (``docs/your_data.md``), of info
            files that are there already, of nuScenes' tables or of SemanticKITTI's
            sequences; or a ROS bag.
        method: "slidr" or "ppkt" (a LiDAR network learns from a frozen image network),
            "prc" (a LiDAR network from two copies of its points), or "prc+rad" (then
            cameras from it).
        out: Output folder.
        minutes: Time of the training, that of both stages for "prc+rad", without the
            preparation of data: the first steps are measured, and as many epochs are
            trained as fit, with a schedule that ends with them. 30 if ``epochs`` is not
            given either.
        epochs: Number of epochs instead, of each stage.
        teacher: Image network of your own for "slidr" and "ppkt", as "module:callable"
            (``docs/your_teacher.md``). It is imported: a program.
        options: What rarely has to be chosen.

    Returns:
        Checkpoint, config and report.

    Raises:
        FileNotFoundError: If there are no data.
        ImportError: If a package with a tracker or a teacher's weights is missing.
        BlockingIOError: If another process writes to ``out``.
        ValueError: If the method or the data are unknown, data lack what the method
            needs, ``out`` was begun with other arguments, or a config in it has other
            settings than numbers and paths changed.

    Example:
        >>> pretrain("/no/such/folder", out="/tmp")
        Traceback (most recent call last):
        FileNotFoundError: No data at /no/such/folder; give the folder of a recording.
    """
    check_length(minutes, epochs)
    check_method(method, teacher)
    options.check()
    root = Path(out).absolute()
    source = find_source(data, root, version=options.version)
    hardware = find_hardware()
    check_teachers(method, teacher, hardware)
    if minutes is None and epochs is None:
        minutes = _MINUTES
    make_writable_folder("out", root)
    with lock_folder("out", root):
        arguments = dict(data=str(source.root), method=method, minutes=minutes, epochs=epochs)
        arguments |= dict(seed=options.seed, teacher=teacher, version=options.version)
        arguments |= dict(rig=hash_rig(source))
        record = PretrainRecord(root, arguments)
        prepared = convert(source, root, options.workers)
        stages = STAGES[method]
        _check_data(stages, prepared)
        kinds = dict.fromkeys(_CACHES[stage] for stage in stages if stage in _CACHES)
        caches = {kind: make_cache(prepared, kind, root, options.workers) for kind in kinds}
        for stage in stages:
            share = None if minutes is None else minutes / len(stages)
            path = _choose_stage(stage, record, prepared, hardware, caches, share)
            if not record.is_finished(stage):
                _train_stage(stage, record, path, hardware, options.tracker)
        report = write_pretraining_report(record, prepared)
    return Pretrained(record.checkpoint(stages[-1]), root / f"{stages[-1]}.py", report)


def _check_data(stages: Sequence[str], prepared: Prepared) -> None:
    if not prepared.cameras and any(stage in NEED_CAMERAS for stage in stages):
        raise ValueError(
            f"{prepared.data_root} has no images, which this method learns from; take "
            'method="prc", which needs points alone.'
        )


def _choose_stage(
    stage: str,
    record: PretrainRecord,
    prepared: Prepared,
    hardware: Hardware,
    caches: dict[str, str],
    minutes: float | None,
) -> Path:
    """Choose the settings of a training unless they are chosen; return its config."""
    path = record.out / f"{stage}.py"
    if record.is_finished(stage):
        print_log(f"{stage}: finished, {record.checkpoint(stage)}", logger="current")
        return path
    cfg, choices = make_settings(stage, prepared, hardware, caches)
    choices += apply_arguments(cfg, record.arguments)
    cfg.work_dir = str(record.out / stage)
    if stage == "rad":
        cfg.model.teacher_checkpoint = str(record.checkpoint("prc"))
    if path.is_file():
        set_length(cfg, Length(1, 1, 1), minutes, None)
        # With the paths of this call: the folder may be a copy.
        _write_config(path, read_written_config(path, cfg), record.choices(stage))
    else:
        epochs = record.arguments["epochs"]
        choices += _choose_length(path, cfg, prepared, hardware, minutes, epochs)
        _write_config(path, cfg, choices)
        record.add_choices(stage, choices)
    for choice in record.choices(stage):
        print_log(f"{stage}: {choice}", logger="current")
    return path


def _train_stage(
    stage: str, record: PretrainRecord, path: Path, hardware: Hardware, tracker: str
) -> None:
    """Train, or resume, and note the newest checkpoint."""
    start = time.monotonic()
    _train(path, record.out / stage, hardware, tracker)
    newest = find_newest(list_checkpoints(record.out / stage))
    assert newest.path is not None
    record.finish(stage, newest.path, time.monotonic() - start)


def _choose_length(
    path: Path,
    cfg: Config,
    prepared: Prepared,
    hardware: Hardware,
    minutes: float | None,
    epochs: int | None,
) -> list[Choice]:
    """Set the length of a training in its config, and return what was chosen."""
    per_step = samples_per_step(cfg, hardware)
    step_s, choices = None, []
    if minutes is None:
        assert epochs is not None
        length = count_length(epochs, prepared.num_train, per_step)
        choices = [Choice("epochs", str(epochs), "as given")]
    else:
        unmeasured = path.with_name(f"unmeasured_{path.name}")
        write_whole(unmeasured, cfg.pretty_text.encode())
        length, step_s, choices = choose_length(unmeasured, minutes, prepared.num_train, per_step)
        unmeasured.unlink()
    set_length(cfg, length, minutes, step_s)
    return choices


def _write_config(path: Path, cfg: Config, choices: Sequence[Choice]) -> None:
    lines = [f'"""Settings that perception_kd.pretrain chose; run: tools/train.py {path.name}."""']
    lines += ["", *(f"# {choice}" for choice in choices), "", cfg.pretty_text]
    write_whole(path, "\n".join(lines).encode())


def _train(path: Path, work_dir: Path, hardware: Hardware, tracker: str) -> None:
    """Run a config in a work dir, not in the one it names: folders are copied."""
    if hardware.num_gpus > 1:
        command: list[Any] = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        command += ["--nproc-per-node", hardware.num_gpus, _TRAIN, path]
        command += ["--launcher", "pytorch", "--resume", "--work-dir", work_dir]
        command += ["--tracker", tracker] if tracker else []
        status = subprocess.run([str(word) for word in command], check=False).returncode
        if status:
            raise ValueError(f"The training of {path} has ended with status {status}, see above.")
        return
    cfg = read_config(path)
    cfg.work_dir = str(work_dir)
    set_training(cfg)
    set_tracker(cfg, tracker)
    run_training(cfg, resume="auto")
