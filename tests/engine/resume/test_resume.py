"""A resumed training is the training that was stopped, or is refused."""

import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.optim.optimizer import amp_optimizer_wrapper

from perception_kd.checkpoints.reading import read_content
from tests.engine.toy import ToyModel, read_log, write_config
from tests.tools.test_train import assert_same, train

BY_STEP = ("default_hooks.checkpoint.by_epoch=False",)
EACH_STEP = (*BY_STEP, "default_hooks.checkpoint.interval=1")


def write_child(folder: Path, more: str, workers: int = 0) -> Path:
    """Write a config whose dicts are merged into those of the toy."""
    path = folder / "child.py"
    path.write_text(f'_base_ = ["{write_config(folder, workers)}"]\n{more}\n')
    return path


class StopTrainingError(Exception):
    """Ends a training in the middle of a step."""


def train_until(
    config: Path, step: int, monkeypatch: pytest.MonkeyPatch, settings: tuple[str, ...]
) -> None:
    """Train in the folder "parts", and stop before a step."""
    original, done = ToyModel.train_step, 0

    def train_step(model: ToyModel, *args: Any, **kwargs: Any) -> Any:
        nonlocal done
        done += 1
        if done > step:
            raise StopTrainingError
        return original(model, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(ToyModel, "train_step", train_step)
        assert train(config, name="parts", settings=settings) == 1


EMA = 'custom_hooks = [dict(type="EMAHook", momentum=0.1)]'
BOTH = """param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, end=9),
    dict(type="CosineAnnealingLR", by_epoch=True),
]"""
OVER_STEPS = """train_cfg = dict(_delete_=True, by_epoch=False, max_iters=16)
param_scheduler = []"""
# Workers, options, and what is added to the config.
CASES: dict[str, tuple[int, tuple[str, ...], str]] = {
    "worker": (1, EACH_STEP, ""),
    "worker-by-epoch": (1, (), ""),
    "averaged": (0, EACH_STEP, EMA),
    "over-steps": (0, EACH_STEP, OVER_STEPS),
    "by-step": (0, EACH_STEP, BOTH),
    "accumulated": (0, EACH_STEP, "optim_wrapper = dict(accumulative_counts=4)"),
}


# In an epoch of four steps, and at the end of one.
@pytest.mark.parametrize("stop", [6, 8])
@pytest.mark.parametrize("case", CASES)
def test_a_stop_at_any_step_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str, stop: int
) -> None:
    workers, settings, more = CASES[case]
    config = write_child(tmp_path, more, workers)
    assert train(config, name="whole", settings=settings) == 0
    train_until(config, stop, monkeypatch, settings)
    assert train(config, "--resume", name="parts", settings=settings) == 0
    name = "iter_16.pth" if settings else "epoch_4.pth"
    whole, parts = (read_content(tmp_path / each / name) for each in ("whole", "parts"))
    keys = ["state_dict", "optimizer"]
    keys += [key for key in ("param_schedulers", "ema_state_dict") if key in whole]
    for key in keys:
        assert_same(whole[key], parts[key])
    assert_same(whole["meta"]["random_states"], parts["meta"]["random_states"])
    assert ("ema_state_dict" in whole) == (case == "averaged")


@pytest.fixture
def scaler_on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let mmengine scale losses on a CPU, which torch can and mmengine refuses."""
    monkeypatch.setattr(amp_optimizer_wrapper, "is_cuda_available", lambda: True)
    scaler = partial(torch.amp.GradScaler, "cpu")
    monkeypatch.setattr(amp_optimizer_wrapper, "GradScaler", scaler)


def check_scaler(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare a training that was stopped with one that was not, by their scalers."""
    # Grows every three steps, so that a scaler that was not resumed has another scale.
    precision = "loss_scale=dict(init_scale=16.0, growth_interval=3)"
    config = write_child(folder, f'optim_wrapper = dict(type="AmpOptimWrapper", {precision})')
    assert train(config, name="whole", settings=EACH_STEP) == 0
    train_until(config, 7, monkeypatch, EACH_STEP)
    assert train(config, "--resume", name="parts", settings=EACH_STEP) == 0
    whole, parts = (read_content(folder / n / "iter_16.pth") for n in ("whole", "parts"))
    assert whole["optimizer"]["loss_scaler"]["scale"] == 16.0 * 2**5
    assert whole["optimizer"]["loss_scaler"]["_growth_tracker"] == 1
    assert_same(whole["optimizer"]["loss_scaler"], parts["optimizer"]["loss_scaler"])
    assert_same(whole["state_dict"], parts["state_dict"])


@pytest.mark.usefixtures("scaler_on_cpu")
def test_the_scaler_of_mixed_precision_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_scaler(tmp_path, monkeypatch)


@pytest.mark.gpu
def test_the_scaler_of_mixed_precision_is_resumed_on_a_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_scaler(tmp_path, monkeypatch)


def test_steps_that_are_done_are_not_loaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.engine.toy import ToyDataset

    config = write_config(tmp_path)
    train_until(config, 7, monkeypatch, EACH_STEP)
    loaded = 0
    original: Callable[[ToyDataset, int], Any] = ToyDataset.__getitem__

    def count(data_set: ToyDataset, index: int) -> Any:
        nonlocal loaded
        loaded += 1
        return original(data_set, index)

    monkeypatch.setattr(ToyDataset, "__getitem__", count)
    assert train(config, "--resume", name="parts", settings=EACH_STEP) == 0
    assert loaded == 2 * (16 - 7)  # two samples per step


def last_line(capfd: pytest.CaptureFixture[str]) -> str:
    return capfd.readouterr().err.splitlines()[-1]


def trained(folder: Path, *settings: str, more: str = "") -> Path:
    """Train one epoch of the folder "run", and return the config."""
    config = write_child(folder, more)
    assert train(config, name="run", settings=("train_cfg.max_epochs=1", *settings)) == 0
    return config


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("train_dataloader = dict(batch_size=4)", r"steps per epoch differs: .* 4, this run 2"),
        ("model = dict(dropout=0.1)", r"model.dropout: checkpoint 0.5, config 0.1"),
        ("randomness = dict(seed=3)", r"trained with seed 0, but randomness.seed is 3"),
        (
            'optim_wrapper = dict(optimizer=dict(type="RMSprop"))',
            r"optimizer.type: checkpoint 'SGD', config 'RMSprop'",
        ),
        (
            "train_dataloader = dict(sampler=dict(shuffle=False))",
            r"shuffle: checkpoint True, config False",
        ),
        ("optim_wrapper = dict(accumulative_counts=2)", r"counts: checkpoint unset, config 2"),
        (EMA, r"has no averaged weights, or others than EMAHook"),
        ("train_dataloader = dict(dataset=dict(seed=3))", r"seed: checkpoint unset, config 3"),
    ],
)
def test_another_training_is_refused_by_the_setting(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], more: str, expected: str
) -> None:
    trained(tmp_path)
    config = write_child(tmp_path, more)
    assert train(config, "--resume", name="run") == 2
    line = last_line(capfd)
    assert re.search(expected, line), line
    assert line.startswith("error: --resume: ")
    assert "another --work-dir" in line


def test_what_changes_no_weights_may_differ(tmp_path: Path) -> None:
    config = trained(tmp_path)
    settings = ("default_hooks.logger.interval=1", "train_dataloader.num_workers=1")
    moved = tmp_path / "moved"
    (tmp_path / "run").rename(moved)
    options = ("train_cfg.max_epochs=2", "custom_hooks=[]", "load_from=gone.pth")
    assert train(config, "--resume", name="moved", settings=(*settings, *options)) == 0
    assert (moved / "last_checkpoint").read_text() == "epoch_2.pth"


CHANGES: dict[str, str] = {
    "epochs": "train_cfg = dict(max_epochs=6)",
    "rate": "optim_wrapper = dict(optimizer=dict(lr=0.03))",
    "decay": "optim_wrapper = dict(optimizer=dict(weight_decay=0.1))",
    "schedule": 'param_scheduler = [dict(type="StepLR", step_size=1, gamma=0.5)]',
    "steps": 'param_scheduler = [dict(type="LinearLR", by_epoch=False, end=20)]',
}


@pytest.mark.parametrize("changed", CHANGES)
def test_a_changed_schedule_is_that_of_a_run_without_stops(tmp_path: Path, changed: str) -> None:
    trained(tmp_path)
    settings = ("default_hooks.checkpoint.max_keep_ckpts=-1",)
    config = write_child(tmp_path, CHANGES[changed])
    assert train(config, "--resume", name="run", settings=settings) == 0
    assert train(config, name="whole", settings=settings) == 0
    assert "The schedule is rebuilt for the resumed step, since " in read_log(tmp_path / "run")
    for epoch in (2, 3, 4):
        whole, run = (read_content(tmp_path / n / f"epoch_{epoch}.pth") for n in ("whole", "run"))
        assert_same(whole["optimizer"]["param_groups"], run["optimizer"]["param_groups"])
        assert_same(whole["param_schedulers"], run["param_schedulers"])


def test_a_schedule_of_scores_is_not_rebuilt(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    trained(tmp_path)
    plateau = 'param_scheduler = [dict(type="ReduceOnPlateauLR", monitor="loss")]'
    assert train(write_child(tmp_path, plateau), "--resume", name="run") == 2
    assert "ReduceOnPlateauLR depends on the scores so far" in last_line(capfd)


CONSTANT = 'param_scheduler = [dict(type="ConstantLR", end=1)]'


def change(path: Path, edit: Callable[[dict[str, Any]], Any]) -> None:
    content = read_content(path)
    edit(content)
    torch.save(content, path)


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda c: c.pop("optimizer"), r'has no entry "optimizer": .* load_pretrained_from'),
        (lambda c: c.pop("meta"), r"does not say how many steps it has"),
        (lambda c: c.pop("message_hub"), r'has no entry "message_hub"'),
        (lambda c: c.pop("param_schedulers"), r"has no state of the schedule"),
        (lambda c: c["meta"].update(iter=9), r"has 9 steps in 1 epochs, but an epoch of .* has 4"),
        (
            lambda c: c["meta"].update(world_size=8),
            r"number of processes differs: .* 8",
        ),
        (lambda c: c["meta"]["training_data"].update(samples=9), r"number of samples differs"),
        (lambda c: c["meta"].update(random_states=[{"torch": 1}]), r"generators cannot be set"),
        (
            lambda c: c["meta"]["random_states"][0].update(python=()),
            r"generators cannot be set",
        ),
        (lambda c: c["optimizer"]["param_groups"].pop(), r"has 0 entries of parameters, but the"),
        (
            lambda c: c["optimizer"].update(state={}),
            r"of 0 parameters, but was saved with those of",
        ),
        (
            lambda c: c["optimizer"]["state"].pop(0),
            r"of 3 parameters, but was saved with those of 4",
        ),
        (
            lambda c: c["optimizer"]["state"][0].update(momentum_buffer=torch.zeros(7)),
            r"momentum_buffer of parameter 0 has shape \(7,\), not \(4, 3\)",
        ),
        (
            lambda c: c["optimizer"]["param_groups"][0]["params"].reverse(),
            r"it has other parameters, or another order of them",
        ),
        (
            lambda c: c["optimizer"]["param_groups"][0].pop("lr"),
            r"lr of parameters 0 is not a number",
        ),
        (lambda c: c["param_schedulers"].clear(), r"it has 0 schedules, but the config 1"),
        (
            lambda c: c["param_schedulers"][0].update(_global_step=0),
            r"schedule 0 stands at 0, not 1",
        ),
        (lambda c: c["param_schedulers"][0].update(last_step="x"), r"has the last step x"),
        (
            lambda c: c["state_dict"].update({"head.bias": c["state_dict"]["head.bias"].half()}),
            r"does not match the model .* \(1 tensors differ, e\.g\. head\.bias\)",
        ),
        (lambda c: c.update(message_hub=[]), r"entries that do not fit this training"),
        (
            lambda c: c["message_hub"]["runtime_info"].update(outdated_ckpt_ids=["../a"]),
            r'has no usable "message_hub.runtime_info.outdated_ckpt_ids"',
        ),
        (lambda c: c["meta"].update(seed=5), r"was trained with seed 5, but randomness.seed is 0"),
        (lambda c: c["meta"].update(gradients=[1]), r'no usable entry "meta.gradients"'),
        (lambda c: c["meta"].update(cfg="a = " + "-" * 900 + "b"), r"parsed \(RecursionError\)"),
        (lambda c: c["meta"].update(cfg="a = ("), r"its config cannot be parsed \(SyntaxError\)"),
        (
            lambda c: c["state_dict"].update({"head.bias": torch.ones(1, device="meta")}),
            r'no values for state_dict.head.bias: .* device "meta"',
        ),
    ],
)
def test_a_file_that_is_no_state_of_it_is_refused(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    edit: Callable[[dict[str, Any]], Any],
    expected: str,
) -> None:
    config = trained(tmp_path, more=CONSTANT)
    path = tmp_path / "run" / "epoch_1.pth"
    change(path, edit)
    settings = ("train_cfg.max_epochs=1",)
    assert train(config, "--resume", str(path), name="run", settings=settings) == 2
    line = last_line(capfd)
    assert line.startswith("error: ")
    assert re.search(expected, line), line


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda c: c.pop("ema_state_dict"), r"no averaged weights, .*\(5 tensors differ"),
        (lambda c: c["ema_state_dict"].pop("steps"), r"1 tensors differ, e\.g\. steps"),
        (
            lambda c: c["ema_state_dict"].update(
                {"module.head.bias": torch.tensor([float("nan")])}
            ),
            r"has NaN or infinity in 1 tensors: averaged\.module\.head\.bias",
        ),
        (lambda c: c.update(ema_state_dict=[1]), r'no usable entry "ema_state_dict"'),
        (lambda c: c.update(state_dict=[1]), r'no usable entry "state_dict"'),
        (
            lambda c: c["meta"].update(gradients={"head.bias": torch.tensor([float("inf")])}),
            r"has NaN or infinity in 1 tensors: gradients\.head\.bias",
        ),
    ],
)
def test_averages_are_resumed_whole_or_refused(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    edit: Callable[[dict[str, Any]], Any],
    expected: str,
) -> None:
    config = trained(tmp_path, more=EMA)
    change(tmp_path / "run" / "epoch_1.pth", edit)
    assert train(config, "--resume", name="run") == 2
    line = last_line(capfd)
    assert line.startswith("error: ")
    assert re.search(expected, line), line


def test_code_in_a_checkpoints_config_is_not_run(tmp_path: Path) -> None:
    config = trained(tmp_path)
    code = f"\nimport os\nos.mkdir({str(tmp_path / 'executed')!r})\n"

    def add_code(content: dict[str, Any]) -> None:
        content["meta"]["config"] = code
        content["meta"]["cfg"] += code

    change(tmp_path / "run" / "epoch_1.pth", add_code)
    assert train(config, "--resume", name="run") == 0
    assert not (tmp_path / "executed").exists()


def test_a_link_in_the_place_of_the_config_is_not_followed(tmp_path: Path) -> None:
    config, outside = write_config(tmp_path), tmp_path / "outside.txt"
    outside.write_text("mine")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / config.name).symlink_to(outside)
    assert train(config, name="run", settings=("train_cfg.max_epochs=1",)) == 0
    assert outside.read_text() == "mine"
    assert "ToyModel" in (tmp_path / "run" / config.name).read_text()


def test_a_failed_write_leaves_the_earlier_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    keep = ("default_hooks.checkpoint.max_keep_ckpts=1",)
    config = trained(tmp_path, *keep)

    sync = os.fsync

    def fail(number: int) -> None:
        if ".pth" in os.readlink(f"/proc/self/fd/{number}"):
            raise OSError(28, "No space left on device")
        sync(number)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        assert train(config, "--resume", name="run", settings=keep) == 2
    line = last_line(capfd)
    assert re.search(r"Cannot write the checkpoint .*epoch_2.pth: No space left .*--resume", line)
    folder = tmp_path / "run"
    assert [path.name for path in folder.glob("*.pth")] == ["epoch_1.pth"]
    assert not list(folder.glob(".*.tmp"))
    assert train(config, "--resume", name="run", settings=keep) == 0
    assert [path.name for path in folder.glob("*.pth")] == ["epoch_4.pth"]


def test_a_copied_work_dir_leaves_the_best_of_the_original(tmp_path: Path) -> None:
    from types import SimpleNamespace

    from perception_kd.engine.hooks import WholeCheckpointHook

    for name in ("original", "copy"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "best_acc_epoch_1.pth").touch()
    hook = WholeCheckpointHook(save_best="acc", rule="greater")
    best = str(tmp_path / "original" / "best_acc_epoch_1.pth")
    hub = SimpleNamespace(runtime_info={"best_ckpt": best}, get_info=lambda name: best)
    logger = SimpleNamespace(info=lambda line: None)
    hook.before_train(
        SimpleNamespace(work_dir=str(tmp_path / "copy"), message_hub=hub, logger=logger)
    )
    assert hook.best_ckpt_path == str(tmp_path / "copy" / "best_acc_epoch_1.pth")


def test_the_best_of_an_unknown_score_is_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from perception_kd.engine.hooks import WholeCheckpointHook

    hook = WholeCheckpointHook(save_best=["val/mIoU"], rule="greater")
    with pytest.raises(ValueError, match=r"names val/mIoU, but the scores are val/loss, val/NDS;"):
        hook._save_best_checkpoint(None, {"val/loss": 1.0, "val/NDS": 0.1})


def test_load_from_is_refused_like_pretrained_weights(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path)
    torch.save({"state_dict": {"conv.weight": torch.ones(3)}}, tmp_path / "other.pth")
    for name, expected in (
        ("other.pth", "must hold at least 90% of the parameters of ToyModel"),
        ("none.pth", "load_from: no checkpoint at"),
    ):
        assert train(config, name="run", settings=(f"load_from={tmp_path / name}",)) == 2
        assert expected in last_line(capfd)


def test_mmengine_loads_no_file_with_code(tmp_path: Path) -> None:
    from mmengine.runner import load_checkpoint

    torch.save(torch.nn.Linear(1, 1), tmp_path / "code.pth")
    with pytest.raises(ValueError, match="holds objects other than tensors") as refused:
        load_checkpoint(torch.nn.Linear(1, 1), str(tmp_path / "code.pth"))
    assert "weights_only" not in str(refused.value)
