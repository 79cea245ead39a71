"""Label-free pre-training of camera and LiDAR perception networks."""

import sys
from importlib import import_module

__version__ = "0.2.0"


class _BeforeSparseLayers:
    """Choose the sparse convolutions before mmdet3d imports spconv.

    mmdet3d decides once, when this module of it is imported, whether there is an
    spconv; many of its modules lead there.
    """

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Leave the import of the module to the other finders."""
        if name == "mmdet3d.models.layers.spconv":
            import_module("perception_kd.ops.sparse.backend").provide_sparse_convolution()
            sys.meta_path.remove(self)


sys.meta_path.insert(0, _BeforeSparseLayers())
