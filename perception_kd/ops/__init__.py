"""Operations on sparse tensors and segments. Importing them repairs spconv on a CPU."""

from perception_kd.ops.segment_pool import pool_pixels, pool_segments, pool_upsampled
from perception_kd.ops.sparse_conv import install_cpu_kernels

__all__ = ["install_cpu_kernels", "pool_pixels", "pool_segments", "pool_upsampled"]

install_cpu_kernels()
