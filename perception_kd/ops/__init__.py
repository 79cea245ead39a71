"""Operations on sparse tensors, segments and cells; provides sparse convolution."""

from perception_kd.ops.bev_pool import bev_pool, index_cells
from perception_kd.ops.segment_pool import pool_pixels, pool_segments, pool_upsampled
from perception_kd.ops.sparse.backend import provide_sparse_convolution

__all__ = [
    "bev_pool",
    "index_cells",
    "pool_pixels",
    "pool_segments",
    "pool_upsampled",
    "provide_sparse_convolution",
]

provide_sparse_convolution()
