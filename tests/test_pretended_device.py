"""The pretended GPU itself: what fails on a GPU fails on it."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from tests.pretended_device import CPU, GPU, PretendedGPU, Wait


def on_gpu(*shape: int) -> Tensor:
    return torch.ones(shape, device="cuda")


def test_tensors_say_where_they_are() -> None:
    with PretendedGPU():
        cpu, gpu = torch.ones(2), on_gpu(2)
        assert (cpu.device, cpu.is_cuda, cpu.is_cpu) == (CPU, False, True)
        assert (gpu.device, gpu.is_cuda, gpu.is_cpu) == (GPU, True, False)
        assert (gpu * 2 + 1)[:1].device == torch.zeros_like(gpu).device == GPU
        assert gpu.cpu().device == gpu.to(cpu).device == CPU
        assert cpu.to("cuda:0", torch.double).device == cpu.cuda().device == GPU
        assert gpu.new_tensor([1]).device == torch.arange(3, device=gpu.device).device == GPU


@pytest.mark.parametrize(
    "mix",
    [
        lambda: on_gpu(2) + torch.ones(2),
        lambda: on_gpu(2, 2) @ torch.ones(2, 2),
        lambda: torch.cat([on_gpu(2), torch.ones(2)]),
        lambda: torch.stack([on_gpu(), torch.tensor(1.0)]),
        lambda: torch.ones(3)[torch.zeros(1, dtype=torch.long, device="cuda")],
        lambda: on_gpu(3).index_select(0, torch.zeros(1, dtype=torch.long)),
        lambda: nn.Linear(2, 2).to("cuda")(torch.ones(1, 2)),
        lambda: nn.Linear(2, 2)(on_gpu(1, 2)),
        lambda: torch.where(on_gpu(2) > 0, on_gpu(2), torch.zeros(2)),
    ],
)
def test_two_devices_in_one_operation_fail(mix: Callable[[], Tensor]) -> None:
    with PretendedGPU(), pytest.raises(RuntimeError, match=r"Expected all tensors|takes no number"):
        mix()


def test_what_torch_allows_passes() -> None:
    with PretendedGPU():
        gpu = on_gpu(3)
        results = [
            gpu * torch.tensor(2.0),
            gpu[torch.tensor([0, 2])],
            torch.where(gpu > 0, gpu, torch.tensor(0.0)),
            gpu.copy_(torch.zeros(3)),
        ]
        assert all(result.device == GPU for result in results)


def test_arrays_of_a_gpu_have_to_be_copied() -> None:
    with PretendedGPU():
        assert on_gpu(2).cpu().numpy().tolist() == [1, 1]
        with pytest.raises(TypeError, match="to numpy"):
            on_gpu(2).numpy()


def test_a_generator_has_a_device() -> None:
    with PretendedGPU(), pytest.raises(RuntimeError, match="device type for generator"):
        torch.randperm(3, generator=torch.Generator(), device="cuda")


class _Offset(nn.Module):
    def __init__(self, *, registered: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))
        if registered:
            self.register_buffer("offset", torch.ones(2))
        else:
            self.offset = torch.ones(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x + self.offset


@pytest.mark.parametrize("registered", [True, False])
def test_a_buffer_has_to_be_registered(registered: bool) -> None:
    with PretendedGPU():
        model = _Offset(registered=registered).to("cuda")
        if registered:
            model(on_gpu(2)).sum().backward()
            assert model.weight.grad is not None
            assert model.weight.grad.device == GPU
            torch.optim.AdamW(model.parameters()).step()
        else:
            with pytest.raises(RuntimeError, match="same device"):
                model(on_gpu(2))


class _Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x * 2

    @staticmethod
    def backward(ctx: object, grad: Tensor) -> Tensor:
        return grad * torch.ones(2)


def test_the_backward_pass_is_checked() -> None:
    with PretendedGPU():
        x = on_gpu(2).requires_grad_()
        loss = _Wrong.apply(x).sum()  # type: ignore[no-untyped-call]
        with pytest.raises(RuntimeError, match="same device"):
            loss.backward()


@pytest.mark.parametrize(
    ("kind", "wait"),
    [
        ("item", lambda x: x.sum().item()),
        ("item", lambda x: float(x.sum())),
        ("item", lambda x: bool(x.any())),
        ("item", lambda x: int(x.sum())),
        ("item", lambda x: 3 in x),
        ("list", lambda x: x.tolist()),
        ("list", lambda x: x.sum().tolist()),
        ("equal", lambda x: torch.allclose(x, x)),
        ("download", lambda x: torch.zeros(2).copy_(x)),
        ("upload", lambda x: x.copy_(torch.zeros(2))),
        ("download", lambda x: x.cpu()),
        ("download", lambda x: x.to("cpu")),
        ("nonzero", lambda x: x.nonzero()),
        ("nonzero", lambda x: torch.where(x > 0)),
        ("mask", lambda x: x[x > 0]),
        ("mask", lambda x: x.__setitem__(x > 0, 0)),
        ("mask", lambda x: x.masked_select(x > 0)),
        ("unique", lambda x: x.unique()),
        ("upload", lambda x: x.new_tensor([1, 2])),
        ("upload", lambda x: torch.tensor([1, 2], device=x.device)),
        ("upload", lambda x: torch.ones(2).to(x.device)),
        ("repeat", lambda x: x.repeat_interleave(x.long())),
    ],
)
def test_waits_are_counted(kind: str, wait: Callable[[Tensor], object]) -> None:
    with PretendedGPU() as gpu:
        tensor = on_gpu(2)
        wait(torch.ones(2))
        assert not gpu.waits
        wait(tensor)
    assert {each.kind: number for each, number in gpu.waits.items()} == {kind: 1}
    assert all(isinstance(each, Wait) for each in gpu.waits)
