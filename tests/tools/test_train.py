"""tools/train.py and tools/test.py on a toy model."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.fileio import load

from perception_kd.engine.run.launch import read_config
from tests.engine.toy import ROOT, ToyModel, read_log, write_config
from tools import test as test_tool
from tools import train as train_tool


def train(config: Path, *options: str, name: str, settings: tuple[str, ...] = ()) -> int:
    """Train in this process; mmengine shares the state of runs of one name."""
    work_dir = config.parent / name
    given = [str(config), "--work-dir", str(work_dir), *options]
    return train_tool.main([*given, "--cfg-options", f"experiment_name={work_dir}", *settings])


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(path, weights_only=True)
    return content


def assert_same(first: Any, second: Any) -> None:
    """Compare nested dicts and lists of tensors and numbers, bit by bit."""
    if isinstance(first, torch.Tensor):
        assert torch.equal(first, second)
    elif isinstance(first, dict):
        assert first.keys() == second.keys()
        assert_same(list(first.values()), list(second.values()))
    elif isinstance(first, list):
        for one, other in zip(first, second, strict=True):
            assert_same(one, other)
    else:
        assert first == second


class StepCounter:
    """Counts training steps of the toy, and is Ctrl-C in one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps = 0
        self.stop_at: int | None = None
        original = ToyModel.train_step

        def train_step(model: ToyModel, *args: Any, **kwargs: Any) -> Any:
            self.steps += 1
            if self.steps == self.stop_at:
                raise KeyboardInterrupt
            return original(model, *args, **kwargs)

        monkeypatch.setattr(ToyModel, "train_step", train_step)


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path)
    counter = StepCounter(monkeypatch)
    assert train(config, name="whole") == 0
    assert counter.steps == 16

    counter.stop_at = 16 + 10
    assert train(config, name="parts") == 130
    assert capfd.readouterr().err.rstrip().endswith("--resume")
    counter.stop_at = None
    assert train(config, "--resume", name="parts") == 0
    # Stopped in the third epoch of four steps, so its steps 9 and 10 are done again.
    assert counter.steps == 16 + 10 + 8

    whole, parts = (read(tmp_path / name / "epoch_4.pth") for name in ("whole", "parts"))
    for key in ("state_dict", "optimizer", "param_schedulers"):
        assert_same(whole[key], parts[key])
    assert parts["meta"]["iter"] == whole["meta"]["iter"] == 16


def test_the_learning_rate_scales_with_the_batch_size(tmp_path: Path) -> None:
    # 0.02 is for 4 samples per step, and the toy has 2.
    config = write_config(tmp_path)
    once = ("train_cfg.max_epochs=1",)
    assert train(config, name="scaled", settings=once) == 0
    assert train(config, "--no-scale-lr", name="plain", settings=once) == 0
    assert "Effective learning rate: 0.01 " in read_log(tmp_path / "scaled")
    assert "Effective learning rate: 0.02 " in read_log(tmp_path / "plain")


def test_a_training_starts_from_pretrained_weights(tmp_path: Path) -> None:
    weights = {"weight": torch.full((4, 3), 7.0), "bias": torch.zeros(4)}
    torch.save({f"old.{name}": value for name, value in weights.items()}, tmp_path / "old.pth")
    source = dict(checkpoint=str(tmp_path / "old.pth"), prefix="old.", module="backbone")
    config = write_config(tmp_path, more=f"load_pretrained_from = {source}")
    settings = ("train_cfg.max_epochs=1", "optim_wrapper.optimizer.lr=1e-30")
    assert train(config, name="run", settings=settings) == 0
    trained = read(tmp_path / "run" / "epoch_1.pth")["state_dict"]
    assert torch.equal(trained["backbone.weight"], weights["weight"])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_start_and_resume_nothing(
    value: float, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = dict(module="backbone", prefix="backbone.")
    config = write_config(tmp_path, more=f"load_pretrained_from = {source}")
    assert train(config, name="whole", settings=("train_cfg.max_epochs=1",)) == 0
    content = read(tmp_path / "whole" / "epoch_1.pth")
    content["state_dict"]["backbone.weight"][1, 2] = value
    damaged = tmp_path / "damaged.pth"
    torch.save(content, damaged)
    capfd.readouterr()
    for option in ("--resume", "--pretrained"):
        assert train(config, option, str(damaged), name=option) == 2
        (line,) = [x for x in capfd.readouterr().err.splitlines() if x.startswith("error: ")]
        assert str(damaged) in line
        assert "NaN or infinity in 1 tensors: " in line
        assert "backbone.weight" in line
        assert not list((tmp_path / option).glob("*.pth"))


def test_resuming_another_model_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path)
    state = ToyModel().state_dict()
    state["backbone.weight"] = torch.zeros(5, 3)
    foreign = {"encoder_q.conv1.weight": torch.zeros(1)}
    for name, weights, num in (("mismatched", state, 1), ("foreign", foreign, 5)):
        rest = {"optimizer": {}, "message_hub": {}, "meta": {"epoch": 1, "iter": 4, "cfg": ""}}
        torch.save({"state_dict": weights, **rest}, tmp_path / f"{name}.pth")
        assert train(config, "--resume", str(tmp_path / f"{name}.pth"), name=name) == 2
        error = capfd.readouterr().err.splitlines()[-1]
        assert f"{name}.pth does not match the model of" in error
        assert f"({num} tensors differ, e.g. backbone." in error


def test_resuming_needs_no_files_of_a_fresh_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_config(tmp_path)
    assert train(config, name="run", settings=("train_cfg.max_epochs=1",)) == 0

    def read_lost_file(model: ToyModel) -> None:
        raise FileNotFoundError("No checkpoint at teacher.pth.")

    monkeypatch.setattr(ToyModel, "init_weights", read_lost_file)
    assert train(config, name="fresh") == 2
    assert train(config, "--resume", name="run") == 0
    assert read(tmp_path / "run" / "epoch_4.pth")["meta"]["iter"] == 16


@pytest.mark.distributed
def test_two_cpu_processes_train_like_one_with_their_batch(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    same = ("model.dropout=0.0", "train_cfg.max_epochs=2")
    larger = ("train_dataloader.batch_size=4",)
    assert train(config, name="one", settings=(*same, *larger)) == 0
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    work_dir = tmp_path / "two"
    subprocess.run(
        [
            *(ROOT / "tools" / "dist_train.sh", config, "2", "--work-dir", work_dir),
            *("--cfg-options", *same),
        ],
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "MASTER_PORT": port},
        cwd=tmp_path,
        check=True,
    )
    one, two = (read(tmp_path / name / "epoch_2.pth") for name in ("one", "two"))
    assert two["meta"]["iter"] == one["meta"]["iter"] == 4
    for name, value in one["state_dict"].items():
        torch.testing.assert_close(two["state_dict"][name], value)
    log = read_log(work_dir)
    assert "batch size 2 x 2 processes = 4; steps per epoch: 2" in log
    assert "Samples skipped so far: no_points 6" in log


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--data-root", "/no/such"], r"No folder at data_root=/no/such; set --data-root"),
        (
            ["--info-root", "/no/such"],
            r"or create it: python tools/create_data.py {folder,nuscenes,semantickitti} --root",
        ),
        (["--resume", "none.pth"], r"--resume: no checkpoint at none.pth"),
        (["--amp"], r"--amp needs a GPU"),
        (["--cfg-options", "train_cgf.max_epochs=1"], r"did you mean train_cfg\?"),
        (
            ["--cfg-options", "model.dropuot=1"],
            r"model.dropuot: ToyModel has no .* did you mean dropout\?",
        ),
        (["--launcher", "pytorch"], r"--launcher pytorch: RANK"),
    ],
)
def test_user_errors_are_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], options: list[str], expected: str
) -> None:
    if "--amp" in options and torch.cuda.is_available():
        pytest.skip("this machine has mixed precision")
    assert train_tool.main([str(write_config(tmp_path)), *options]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert re.search(expected, line)


def test_an_unexpected_argument_is_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path)
    assert train(config, name="run", settings=("train_dataloader.batchsize=3",)) == 2
    line = capfd.readouterr().err.splitlines()[-1]
    assert line.startswith("error: --cfg-options train_dataloader.batchsize: DataLoader.__init__()")
    assert line.endswith("got an unexpected keyword argument 'batchsize'.")


def test_a_missing_config_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    assert train_tool.main(["no/such.py"]) == 2
    expected = "error: No config at no/such.py; give its path.\n"
    assert capfd.readouterr().err == expected


def test_an_option_without_a_value_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        train_tool.parse_args(["config.py", "--cfg-options", "train_cfg"])
    assert "--cfg-options needs NAME=VALUE" in capfd.readouterr().err


def test_a_checkpoint_is_evaluated_and_a_foreign_one_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path)
    model = ToyModel()
    torch.save({"state_dict": model.state_dict()}, tmp_path / "good.pth")
    torch.save({"state_dict": model.backbone.state_dict()}, tmp_path / "foreign.pth")
    more = {**model.state_dict(), "img_head.bias": torch.zeros(1)}
    torch.save({"state_dict": more}, tmp_path / "larger.pth")
    trained_with = read_config(config).pretty_text + "\nmodel['head'] = 3\n"
    for name, change in (("same", "ToyModel"), ("other", "BigModel")):
        meta = {"cfg": trained_with.replace("ToyModel", change), "world_size": 1}
        torch.save({"state_dict": model.state_dict(), "meta": meta}, tmp_path / f"{name}.pth")

    def evaluate(checkpoint: str) -> int:
        settings = ["--cfg-options", f"experiment_name={tmp_path}{checkpoint}"]
        work_dir = ["--work-dir", str(tmp_path / "test")]
        return test_tool.main([str(config), str(tmp_path / checkpoint), *work_dir, *settings])

    assert evaluate("good.pth") == 0
    assert len(load(tmp_path / "results.pkl")) == 8
    assert evaluate("foreign.pth") == 2
    assert "must hold at least 100% of the parameters" in capfd.readouterr().err
    assert evaluate("larger.pth") == 2
    assert "has 1 tensors that the model of" in capfd.readouterr().err
    assert evaluate("same.pth") == 0
    assert evaluate("other.pth") == 2
    expected = "model.type: checkpoint 'BigModel', config 'ToyModel'; give the config"
    assert expected in capfd.readouterr().err
