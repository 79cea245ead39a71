"""Tensors on large pages behave as any other."""

import gc
from pathlib import Path

import pytest
import torch

from perception_kd.ops.segment_pool import MIN_BYTES, empty_on_large_pages


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("num", [0, 12, MIN_BYTES + 6])
def test_a_tensor_can_be_written_and_read(num: int, dtype: torch.dtype) -> None:
    tensor = empty_on_large_pages((2, num // 2), dtype)
    assert tensor.shape == (2, num // 2)
    assert tensor.dtype == dtype
    assert tensor.is_contiguous()
    tensor.fill_(2)
    assert tensor.sum(dtype=torch.float64) == 2 * (num // 2 * 2)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
def test_memory_is_given_back() -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    before = resident()
    for _ in range(5):
        tensor = empty_on_large_pages((16, MIN_BYTES // 16), torch.float32)
        tensor.fill_(1)
        view = tensor[0]
        del tensor
        assert view[-1] == 1
        del view
    gc.collect()
    assert resident() - before < 2 * MIN_BYTES
