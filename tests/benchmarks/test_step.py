"""The benchmark of whole steps: what it takes, of which tree, and its parts."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from perception_kd.benchmarks import step
from perception_kd.benchmarks.harness import BenchmarkSettings
from perception_kd.benchmarks.startup import ROOT
from perception_kd.benchmarks.step_parts import OPTIMIZER, REST, count_flops, measure_parts
from perception_kd.benchmarks.step_process import forget_weights
from tools import benchmark as benchmark_tool

EARLIER = Path("/earlier")


class ToyHead(nn.Module):
    """Has a method beside the forward pass, like the heads of pre-trainings."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Linear(64, 32, bias=False)

    def project(self, feats: Tensor) -> Tensor:
        """Return the product."""
        projected: Tensor = self.conv(feats)
        return projected


class ToyModel(nn.Module):
    """Two parts, and a sum outside of them."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(128, 64, bias=False)
        self.head = ToyHead()

    def forward(self, rows: Tensor) -> Tensor:
        """Return a loss."""
        return self.head.project(self.body(rows)).square().sum().sort().values


class FakeProcess:
    """Answers in the place of a process; each step of a tree takes the next number."""

    seconds: dict[Path, list[float]]
    asked: list[Path]
    configs: dict[Path, tuple[str, ...]]

    def __init__(self, tree: Path, configs: list[str], *given: Any) -> None:
        self.tree = tree
        FakeProcess.configs[tree] = tuple(configs)

    def __enter__(self) -> "FakeProcess":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def ask(self, line: str) -> Any:
        """Answer a step or its parts."""
        if line == "parts":
            names = ("a", "b", "c", "d")
            return [{"name": name, "share": 0.25, "flops": 8, "products_s": 0.5} for name in names]
        FakeProcess.asked.append(self.tree)
        return FakeProcess.seconds[self.tree].pop(0)


@pytest.fixture
def _fake(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeProcess.asked, FakeProcess.configs = [], {}
    # The first two are those of a cold process.
    FakeProcess.seconds = {ROOT: [0.1, 0.1, 3, 2], EARLIER: [0.1, 0.1, 6, 5]}
    monkeypatch.setattr(step, "StepProcess", FakeProcess)


@pytest.fixture
def toy() -> tuple[Any, ToyModel]:
    model = ToyModel()
    optimizer = torch.optim.SGD(model.parameters())

    def take() -> None:
        optimizer.zero_grad()
        model(torch.ones(10, 128)).backward()
        optimizer.step()

    return take, model


@pytest.mark.usefixtures("_fake")
def test_the_fastest_steps_of_both_trees_count() -> None:
    row = step.compare_commits("demo/prc", Path(), BenchmarkSettings(2, against=EARLIER))
    assert FakeProcess.asked == [ROOT, EARLIER] * 4
    assert (row["ours_s"], row["reference_s"], row["ratio"]) == (2, 5, 2.5)
    assert row["reference"] == str(EARLIER)
    assert [part["seconds"] for part in row["parts"]] == [0.5] * 3
    first, *parts = benchmark_tool.format_row(row).splitlines()
    assert first.split()[:6] == ["step/demo/prc", "2000.0", "ms", "5000.0", "ms", "2.50"]
    assert parts[0].strip() == "a: 25% of the step, 500.0 ms; matrix products alone 500.0 ms"


@pytest.mark.usefixtures("_fake")
def test_an_earlier_tree_is_asked_for_former_names() -> None:
    step.compare_commits("demo/prc", Path(), BenchmarkSettings(2, against=EARLIER))
    (ours,) = FakeProcess.configs[ROOT]
    assert (ROOT / ours).exists()
    former = "configs/calico/prc_pillar02_1xb2-adamw-cosine-8e_synthetic.py"
    assert FakeProcess.configs[EARLIER] == (ours, former)


@pytest.mark.usefixtures("_fake")
def test_a_step_alone_has_no_ratio() -> None:
    row = step.compare_commits("demo/prc", Path(), BenchmarkSettings(2))
    assert (row["reference_s"], row["ratio"]) == (None, None)


def test_all_configs_exist() -> None:
    names = [name for size in step.SIZES.values() for name in size.configs.values()]
    assert [name for name in names if not (ROOT / "configs" / name).exists()] == []


@pytest.mark.parametrize(("size", "taken"), [("demo", {"demo"}), ("all", {"demo", "full"})])
def test_a_size_can_be_chosen(size: str, taken: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "make_smoke_data", lambda *_: None)
    monkeypatch.setattr(step, "compare_commits", lambda name, *_: {"name": name})
    rows = list(step.benchmark_step(BenchmarkSettings(size=size)))
    assert {row["name"].split("/")[0] for row in rows} == taken
    assert len(rows) == 4 * len(taken)


def test_parts_are_modules_optimizer_and_the_rest(toy: tuple[Any, ToyModel]) -> None:
    seconds = measure_parts(*toy)
    assert set(seconds) == {"body", "head", OPTIMIZER, REST}
    assert all(taken > 0 for taken in seconds.values())
    # Nothing is left behind that would take time later.
    assert "project" not in vars(toy[1].head)
    assert not toy[1].body._forward_hooks


def test_the_backward_pass_belongs_to_the_module(toy: tuple[Any, ToyModel]) -> None:
    class Slow(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, grad: Tensor) -> Tensor:
            return grad + 0 * (torch.ones(700, 700) @ torch.ones(700, 700)).sum()

    take, model = toy
    for part in (model.body, model.head):
        linear = part if isinstance(part, nn.Linear) else part.conv
        hook = linear.register_forward_hook(lambda *call: Slow.apply(call[2]))  # type: ignore[no-untyped-call]
        assert measure_parts(take, model).most_common(1)[0][0] == next(
            name for name, module in model.named_children() if module is part
        )
        hook.remove()


def test_operations_are_counted_by_hand(toy: tuple[Any, ToyModel]) -> None:
    # Forward, gradient of the weights; the head's also of its input.
    body, head = 2 * 10 * 128 * 64, 2 * 10 * 64 * 32
    flops = count_flops(*toy)
    assert flops["body"] == 2 * body
    assert flops["head"] == 3 * head
    assert flops[REST] == 0


def test_weights_are_forgotten_at_any_depth() -> None:
    settings = {
        "teacher_checkpoint": "a.pth",
        "parts": [{"init_cfg": {"type": "Pretrained", "checkpoint": "b.pth"}}],
        "neck": {"init_cfg": {"type": "Xavier"}, "checkpoint": "c.pth"},
    }
    forget_weights(settings)
    assert settings == {
        "teacher_checkpoint": None,
        "parts": [{"init_cfg": None}],
        "neck": {"init_cfg": {"type": "Xavier"}, "checkpoint": None},
    }


def test_a_failed_process_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "perception_kd/benchmarks/step_process.py"
    script.parent.mkdir(parents=True)
    script.write_text("import sys\nsys.exit('no such config')")
    monkeypatch.setattr(step, "ROOT", tmp_path)
    with (
        step.StepProcess(tmp_path, [], tmp_path, 0, "cpu") as process,
        pytest.raises(RuntimeError, match=r"failed:\nno such config"),
    ):
        process.ask("step")


def test_a_process_answers_in_lines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "perception_kd/benchmarks/step_process.py"
    script.parent.mkdir(parents=True)
    script.write_text("import sys\nfor line in sys.stdin: print(len(line), flush=True)")
    monkeypatch.setattr(step, "ROOT", tmp_path)
    with step.StepProcess(tmp_path, [], tmp_path, 0, "cpu") as process:
        assert [process.ask("step"), process.ask("parts")] == [5, 6]


def test_only_benchmarks_of_commits_take_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        benchmark_tool.parse_args(["step", "--against", str(tmp_path)])
    assert "has no perception_kd" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        benchmark_tool.parse_args(["regions", "--against", str(ROOT)])
    assert "--against is for startup and step, not for regions" in capsys.readouterr().err
    assert benchmark_tool.parse_args(["step", "--against", str(ROOT)]).against == ROOT
    with pytest.raises(SystemExit):
        benchmark_tool.parse_args(["regions", "--size", "demo"])
    assert "--size is for step, not for regions" in capsys.readouterr().err
