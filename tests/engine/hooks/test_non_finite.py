"""A number that is not finite ends a run, is named, and can be seen again."""

import math
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from mmengine.runner import Runner
from torch import Tensor, nn

from perception_kd.engine.run.launch import read_config
from perception_kd.engine.run.replay import replay_step
from perception_kd.engine.steps.batch_checks import check_inputs, check_outputs
from tests.engine.toy import ToyModel, build_runner, write_config
from tools import train

NAN = math.nan


@OPTIM_WRAPPERS.register_module()
class ScaledWrapper(OptimWrapper):
    """mmengine's mixed precision as it is on a GPU, without one."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.loss_scaler = torch.amp.GradScaler("cpu", init_scale=8.0)

    def scale_loss(self, loss: Tensor) -> Tensor:
        """Scale the loss."""
        return self.loss_scaler.scale(super().scale_loss(loss))

    def step(self, **kwargs: Any) -> None:
        """Step, unless a gradient is infinite."""
        self.loss_scaler.step(self.optimizer, **kwargs)
        self.loss_scaler.update()


def spoil_gradients(runner: Runner, iterations: range, value: float = NAN) -> None:
    """Make the head's gradient not finite in some iterations, counted from 1."""

    def spoil(grad: Tensor) -> Tensor:
        return grad * value if runner.iter + 1 in iterations else grad

    runner.model.head.weight.register_hook(spoil)


def stop(runner: Runner) -> str:
    with pytest.raises(ValueError, match="Training stopped in iteration") as caught:
        runner.train()
    return str(caught.value)


def replay(folder: Path, number: int, **options: Any) -> list[str]:
    cfg = read_config(folder / "work" / "toy.py")
    return list(replay_step(cfg, folder / "work" / f"nonfinite_iter_{number}.pth", **options))


def test_a_gradient_ends_the_training_before_its_step(tmp_path: Path) -> None:
    runner = build_runner(tmp_path)
    spoil_gradients(runner, range(3, 4))
    message = stop(runner)
    assert "in iteration 3: NaN or infinity in the gradients of head.weight. Samples" in message
    assert "learning rate (0.02) is too high" in message
    assert f"--replay {tmp_path}/work/nonfinite_iter_3.pth" in message
    assert all(p.isfinite().all() for p in runner.model.parameters())
    assert not list(tmp_path.glob("work/*.pth.tmp"))


def test_a_replay_has_the_random_numbers_of_its_step(tmp_path: Path) -> None:
    runner = build_runner(tmp_path)
    spoil_gradients(runner, range(3, 4))
    loss = stop(runner).split("Losses: ")[1].split(". If")[0]  # under dropout
    first, before, losses, *rest = replay(tmp_path, 3)
    assert first == "Iteration 3, stopped by NaN or infinity in the gradients of head.weight."
    assert before == "Every weight before the step is finite."
    assert loss in losses
    assert rest[-1] == "Every gradient is finite."  # what spoiled them is not in the model


def test_a_high_learning_rate_ends_the_training(tmp_path: Path) -> None:
    message = stop(build_runner(tmp_path, **{"optim_wrapper.optimizer.lr": 1e30}))
    assert "NaN or infinity in" in message
    number = int(message.split("iteration ")[1].split(":")[0])
    lines = replay(tmp_path, number)
    assert any(line.startswith("First") for line in lines)


def test_a_batch_of_another_model_is_refused(tmp_path: Path) -> None:
    runner = build_runner(tmp_path)
    spoil_gradients(runner, range(1, 2))
    stop(runner)
    path = tmp_path / "work" / "nonfinite_iter_1.pth"
    content = torch.load(path, weights_only=True)
    content["meta"]["step"]["batch"].update(x=torch.zeros(2, 7))
    torch.save(content, path)
    with pytest.raises(ValueError, match=r"The batch of .*iter_1\.pth cannot be used by the model"):
        replay(tmp_path, 1)


def test_a_replay_takes_other_weights(tmp_path: Path) -> None:
    runner = build_runner(tmp_path)
    spoil_gradients(runner, range(1, 2))
    stop(runner)
    state = {name: torch.full_like(v, 7.0) for name, v in runner.model.state_dict().items()}
    torch.save(state, tmp_path / "sevens.pth")
    ours, theirs = (
        replay(tmp_path, 1, checkpoint=path)[2] for path in (None, str(tmp_path / "sevens.pth"))
    )
    assert ours != theirs


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path) -> None:
    runner = build_runner(tmp_path, **{"train_cfg.max_epochs": 1})
    runner.model.statistic = nn.Parameter(torch.zeros(1), requires_grad=False)

    def spoil(module: ToyModel, args: Any, output: Any) -> None:
        if runner.iter == 3:  # the last one; no loss depends on it
            module.statistic.data.fill_(NAN)

    runner.model.register_forward_hook(spoil)
    assert "in iteration 4: NaN or infinity in the weights statistic." in stop(runner)
    assert not list(tmp_path.glob("work/epoch_*.pth"))


def test_infinite_squares_of_gradients_are_not_saved(tmp_path: Path) -> None:
    optimizer = dict(_delete_=True, type="Adam", lr=0.01)
    runner = build_runner(tmp_path, **{"optim_wrapper.optimizer": optimizer})
    spoil_gradients(runner, range(2, 3), 1e30)
    message = stop(runner)
    assert "iteration 4: NaN or infinity in statistics of the optimizer, 2.exp_avg_sq." in message
    assert "Squares of large gradients overflowed; limit gradients with clip_grad." in message
    assert not list(tmp_path.glob("work/epoch_*.pth"))


def test_a_loss_without_a_gradient_counts(tmp_path: Path) -> None:
    runner = build_runner(tmp_path)

    def spoil(module: ToyModel, args: Any, output: dict[str, Tensor]) -> dict[str, Tensor]:
        return {**output, "loss_other": torch.full_like(output["loss_fit"], NAN)}

    runner.model.register_forward_hook(spoil)
    assert "iteration 1: NaN or infinity in loss_other." in stop(runner)


def test_skipped_steps_of_a_scaler_are_normal(tmp_path: Path) -> None:
    options = {"optim_wrapper.type": "ScaledWrapper", "train_cfg.max_epochs": 2}
    hooks = {"custom_hooks": [dict(type="NonFiniteHook", max_skipped=3)]}
    runner = build_runner(tmp_path, **options, **hooks)
    spoil_gradients(runner, range(2, 4), math.inf)
    runner.train()
    again = build_runner(tmp_path / "again", **options, **hooks)
    spoil_gradients(again, range(2, 9), math.inf)
    message = stop(again)
    assert "iteration 4: NaN or infinity in the gradients of 3 steps in a row, in mixed" in message


def test_accumulated_steps_are_no_skipped_ones(tmp_path: Path) -> None:
    hooks = {"custom_hooks": [dict(type="NonFiniteHook", max_skipped=1)]}
    build_runner(tmp_path, **{"optim_wrapper.accumulative_counts": 2}, **hooks).train()


def test_inputs_are_named_by_token_and_field() -> None:
    samples = [type("Sample", (), {"sample_token": token})() for token in "ab"]
    points = torch.zeros(3, 5)
    bad = points.clone()
    bad[1, 2] = NAN
    for inputs, field in (
        ({"points": [points, bad]}, "inputs.points.1"),
        ({"cloud_views": [[points, bad], [points, points]]}, "inputs.cloud_views.0.1"),
    ):
        with pytest.raises(ValueError, match=f"^{field} of sample b has NaN or infinity; check"):
            check_inputs({"inputs": inputs, "data_samples": samples})
    check_inputs({"inputs": {"points": [points, points]}, "data_samples": samples})
    with pytest.raises(ValueError, match=r"x of sample without a token and 1 other fields"):
        check_inputs({"x": bad, "y": bad})


def test_outputs_of_a_test_are_checked() -> None:
    check_outputs({}, [{"loss": 1.0}])
    with pytest.raises(ValueError, match=r"outputs 0.loss are NaN or infinite .*diverged"):
        check_outputs({}, [{"loss": NAN}])


def test_the_tool_ends_in_one_line_and_replays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, work_dir = str(write_config(tmp_path)), str(tmp_path / "work")
    options = ["--cfg-options", "optim_wrapper.optimizer.lr=1e30"]
    assert train.main([config, "--work-dir", work_dir, *options]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("error: Training stopped in iteration")
    words = shlex.split(lines[-1].split("again: python tools/train.py ")[1])
    assert train.main(words) == 0
    assert "First" in capsys.readouterr().out
    assert train.main([*words, "--resume"]) == 2
    assert "--replay with --resume needs a checkpoint" in capsys.readouterr().err
