"""The other stacks, one module each."""

from perception_kd.export.stacks.bevfusion import BEVFUSION
from perception_kd.export.stacks.mmdet3d import MMDET3D
from perception_kd.export.stacks.openpcdet import OPENPCDET, OPENPCDET_SPCONV1
from perception_kd.export.stacks.pointcept import POINTCEPT
from perception_kd.export.stacks.slidr import SLIDR
from perception_kd.export.weights.stack import Stack

STACKS: dict[str, Stack] = {
    stack.name: stack for stack in (MMDET3D, OPENPCDET, BEVFUSION, POINTCEPT, SLIDR)
}


def with_spconv(stack: Stack, version: int | None) -> Stack:
    """Return a stack with sparse kernels in the layout of a version of spconv.

    Args:
        stack: One of ``STACKS``.
        version: 1 or 2; None for the one that the stack reads whatever is installed.

    Raises:
        ValueError: If the stack cannot read that layout.
    """
    if version is None or (stack, version) == (OPENPCDET, 2):
        return stack
    if stack is OPENPCDET:
        return OPENPCDET_SPCONV1
    only = 1 if stack.name in ("mmdet3d", "bevfusion") else None
    if only == version:
        return stack
    if only is None:
        raise ValueError(f"--spconv: {stack.name} has no choice of layouts; leave it out.")
    raise ValueError(
        f"--spconv: {stack.name} reads files in the layout of spconv {only}, whichever is "
        "installed; leave it out."
    )


__all__ = ["STACKS", "with_spconv"]
