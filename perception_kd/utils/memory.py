"""Allocation of large tensors on a CPU."""

import contextlib
import math
import mmap
from collections.abc import Sequence

import torch
from torch import Tensor

# Below, malloc keeps freed memory and hands it out again without new pages.
MIN_BYTES = 32 * 2**20


def empty_on_large_pages(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Allocate an uninitialized tensor on a CPU, on 2 MB pages where Linux has them.

    The system hands out a large block 4 kB at a time when it is first written, which
    takes several times as long as the writing. Large pages need the setting ``madvise``
    or ``always`` in ``/sys/kernel/mm/transparent_hugepage/enabled``, as is usual;
    without, and for small tensors, this is ``torch.empty``.

    Args:
        shape: Shape of the tensor.
        dtype: Its dtype.

    Returns:
        A contiguous tensor of that shape, of any values.
    """
    num_bytes = math.prod(shape) * dtype.itemsize
    if num_bytes < MIN_BYTES or not hasattr(mmap, "MADV_HUGEPAGE"):
        return torch.empty(tuple(shape), dtype=dtype)
    block = mmap.mmap(-1, num_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):
        block.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(block, dtype=dtype).view(tuple(shape))
