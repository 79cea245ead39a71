"""Training steps on a device beside those on a CPU."""

import argparse
import math
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine import Config

from perception_kd.doctor import device, sparse_layer
from perception_kd.doctor.device_steps import Step, Timing, build_loader, build_model, take_step
from perception_kd.doctor.finding import Finding, Level
from perception_kd.doctor.precision import BF16, FP16, FP32, allow_tf32, list_precisions
from perception_kd.engine.config.overrides import set_data_folders
from perception_kd.engine.run.launch import read_config
from tests.doctor.conftest import PRC, SLIDR
from tests.fake_data.prepared import PreparedData

CPU = torch.device("cpu")
CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture
def cfg(prepared_synthetic: PreparedData) -> Config:
    options = prepared_synthetic.options_for(PRC)
    cfg = read_config(PRC)
    set_data_folders(cfg, options[1], options[3])
    return cfg


def errors(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.level is Level.ERROR]


def test_a_smoke_test_trains_on_a_cpu(cfg: Config) -> None:
    (finding,) = device.check_config("prc", cfg, CPU, num_steps=1)
    assert finding.level is Level.OK
    assert finding.where == "prc"
    assert "deviation fp32 0e+00, bf16" in finding.what
    assert finding.numbers["loss_fp32"] == finding.numbers["loss_cpu"]
    assert {"waiting", "seconds_fp32", "seconds_bf16", "loss_bf16"} <= finding.numbers.keys()


def test_a_step_is_that_of_the_training(cfg: Config) -> None:
    model, batch = build_model(cfg), next(iter(build_loader(cfg)))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    step = take_step(model, cfg, batch, CPU, FP32)
    assert step == take_step(build_model(cfg), cfg, batch, CPU, FP32)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    losses = model.train()(**model.data_preprocessor(batch, True), mode="loss")
    total, _ = model.parse_losses(losses)
    total.backward()
    squares = [p.grad.double().square().sum() for p in model.parameters() if p.grad is not None]
    expected = math.sqrt(sum(float(square) for square in squares))
    assert step.loss == float(total)
    assert step.grad_norm == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("precision", "step", "text"),
    [
        (FP32, Step(2.003, 10), "The loss in fp32 is 2.003, but 2 on a CPU (1.5e-03"),
        (FP32, Step(2, 10.2), "The norm of the gradient in fp32 is 10.2, but 10"),
        (FP32, Step(math.nan, 10), "The loss in fp32 is nan"),
        (FP16, Step(2.05, 10), "The loss in fp16 is 2.05"),
    ],
)
def test_a_deviation_is_an_error(precision: Any, step: Step, text: str) -> None:
    (finding,) = device.compare_steps(step, Step(2, 10), "slidr", precision)
    assert finding.level is Level.ERROR
    assert finding.where == "slidr"
    assert text in finding.what
    assert "report it" in finding.remedy


@pytest.mark.parametrize(
    ("precision", "step"),
    [(FP32, Step(2.001, 10.05)), (FP16, Step(2.01, 30)), (BF16, Step(2.05, 30))],
)
def test_rounding_is_allowed(precision: Any, step: Step) -> None:
    assert not list(device.compare_steps(step, Step(2, 10), "slidr", precision))


def fail_on_the_second_call(error: Exception) -> Any:
    calls = []

    def step(*_: Any) -> Step:
        calls.append(1)
        if len(calls) == 2:
            raise error
        return Step(2, 10)

    return step


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (RuntimeError("expected\nmore"), "report it with the lines above"),
        (torch.OutOfMemoryError("80 GB"), "lower train_dataloader.batch_size"),
    ],
)
def test_a_step_that_fails_does_not_end_the_check(
    error: Exception, remedy: str, cfg: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "take_step", fail_on_the_second_call(error))
    monkeypatch.setattr(device, "time_steps", lambda *_: Timing(0.1, 0.5, 1.0))
    failed, described = device.check_config("prc", cfg, CPU)
    assert failed.level is Level.ERROR
    assert failed.what.startswith("No step in fp32")
    assert str(error).split("\n")[0] in failed.what
    assert remedy in failed.remedy
    assert described.level is Level.OK
    assert "a step takes bf16 100 ms" in described.what


def test_long_waits_for_data_are_told(cfg: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "take_step", lambda *_: Step(2, 10))
    monkeypatch.setattr(device, "time_steps", lambda *_: Timing(0.1, 0.5, 1.25))
    (of_smoke_test,) = device.check_config("prc", cfg, CPU)
    (of_run,) = device.check_config("prc", cfg, CPU, num_steps=10)
    assert (of_smoke_test.level, of_run.level) == (Level.OK, Level.WARNING)
    assert "1.25 GB; 50% of the time waits for data." in of_run.what
    assert "num_workers" in of_run.remedy
    assert of_run.numbers["peak_gb_fp32"] == 1.25


def test_a_config_without_data_is_an_error(tmp_path: Path) -> None:
    cfg = read_config(SLIDR)
    set_data_folders(cfg, str(tmp_path), str(tmp_path))
    (finding,) = device.check_config("slidr", cfg, CPU)
    assert finding.level is Level.ERROR
    assert "No step on a CPU" in finding.what


def test_the_verdict_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    levels = {"a": Level.OK, "b": Level.ERROR}
    monkeypatch.setattr(
        device, "check_config", lambda name, *_: iter([Finding(levels[name], "device", name)])
    )
    later, cfgs = time.monotonic() + 60, {"a": Config(), "b": Config()}
    good = list(device.check_smoke_tests({"a": Config()}, CPU, later))[-1]
    bad = list(device.check_smoke_tests(cfgs, CPU, later))[-1]
    late = list(device.check_smoke_tests(cfgs, CPU, 0))[-1]
    assert [f.level for f in (good, bad, late)] == [Level.OK, Level.ERROR, Level.WARNING]
    assert "1 of 2 smoke tests train as on a CPU" in bad.what
    assert "Not tried, since two minutes are over: a, b" in late.what


@pytest.mark.parametrize("name", ["gpu", "meta", "cuda:x"])
def test_other_devices_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"--device must be cpu, cuda or cuda:N, but got '{name}'"):
        device.parse_device(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_gpu_that_is_not_there_is_an_error() -> None:
    args = argparse.Namespace(device="cuda:3", root=None, infos=None)
    (finding,) = device.check_device(args, None)
    assert finding.level is Level.ERROR
    assert "finds no GPUs" in finding.what
    assert finding.where == "--device cuda:3"
    assert finding.remedy


def test_sparse_and_dense_convolution_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sparse_layer.measure_deviation(CPU) < 1e-5
    (good,) = sparse_layer.check_sparse_layer(CPU)
    monkeypatch.setattr(sparse_layer, "measure_deviation", lambda _: 0.1)
    (bad,) = sparse_layer.check_sparse_layer(CPU)
    assert (good.level, bad.level) == (Level.OK, Level.ERROR)
    assert "differs from a dense convolution by 1.0e-01" in bad.what
    assert bad.remedy


def test_a_cpu_has_two_precisions_and_tf32_is_restored() -> None:
    assert list_precisions(CPU) == [FP32, BF16]
    before = torch.backends.cudnn.allow_tf32
    with allow_tf32(not before):
        assert torch.backends.cudnn.allow_tf32 is not before
    assert torch.backends.cudnn.allow_tf32 is before


@pytest.mark.slow
def test_smoke_tests_are_tried_on_data_made_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "list_smoke_tests", lambda: [PRC, SLIDR])
    monkeypatch.setattr(device, "_LIMIT_S", 1e6)
    args = argparse.Namespace(device="cpu", root=None, infos=None)
    cpu, sparse, *of_configs, verdict = device.check_device(args, None)
    assert not errors([cpu, sparse, *of_configs, verdict])
    assert [finding.where for finding in of_configs] == [
        str(path.relative_to(CONFIGS)) for path in (PRC, SLIDR)
    ]
    assert verdict.what == "2 of 2 smoke tests train as on a CPU."


@pytest.mark.gpu
def test_a_gpu_trains_as_a_cpu_does(cfg: Config) -> None:
    findings = list(device.check_config("prc", cfg, torch.device("cuda"), num_steps=2))
    assert not errors(findings)
