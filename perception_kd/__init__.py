"""Label-free pre-training of camera and LiDAR perception networks.

What programs use is here; importing it is cheap, and the rest is imported on first use:

    import perception_kd

    perception_kd.pretrain("my_drive/", "slidr", out="work_dirs/x", minutes=30)
    net = perception_kd.load("work_dirs/x/slidr")
    feats = net.points(cloud)
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from perception_kd.version import __version__ as __version__

if TYPE_CHECKING:
    from perception_kd.api import (
        Calibration,
        Pretrained,
        PretrainOptions,
        TrainedNetwork,
        load,
        pretrain,
    )

__all__ = ["Calibration", "PretrainOptions", "Pretrained", "TrainedNetwork", "load", "pretrain"]


def __getattr__(name: str) -> Any:
    """Import a public name on its first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.api"), name)


def __dir__() -> list[str]:
    """Return the public names, including those not yet imported."""
    return sorted({*globals(), *__all__})


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


class _WithoutUnusedExtras:
    """Leave out what mmdet and mmengine import if it is there, and nothing here uses.

    These imports are a third of the start of a training. mmdet's networks for text and
    its PAA head say that the package is missing, and the optimizer Adafactor is
    torch's; programs that need them import the package first; other imports are
    unaffected.
    """

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Refuse the import to these two; leave the rest to the other finders."""
        if name not in ("sklearn", "transformers"):
            return
        frame = sys._getframe(1)
        while (importer := frame.f_globals.get("__name__", "")).startswith("importlib."):
            if frame.f_back is None:
                return
            frame = frame.f_back
        if importer.startswith(("mmdet.", "mmengine.")):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path[:0] = [_BeforeSparseLayers(), _WithoutUnusedExtras()]
