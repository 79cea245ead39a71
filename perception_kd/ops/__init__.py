"""Operations on sparse tensors, segments and cells; import fixes spconv on a CPU."""

from perception_kd.ops.bev_pool import bev_pool, index_cells
from perception_kd.ops.segment_pool import pool_pixels, pool_segments, pool_upsampled
from perception_kd.ops.sparse_conv import install_cpu_kernels

__all__ = [
    "bev_pool",
    "index_cells",
    "install_cpu_kernels",
    "pool_pixels",
    "pool_segments",
    "pool_upsampled",
]

install_cpu_kernels()
