"""Features of voxels as formulas of columns of the points, for other stacks."""

from typing import Any, cast

from torch import nn

from perception_kd.models.voxelizers import PointVoxelizer

COLUMN_NAMES = ("x", "y", "z", "intensity", "timestamp")
_AXES = {"cartesian": ("x", "y", "z"), "cylindrical": ("rho", "phi", "z")}


def list_formulas(voxelizer: PointVoxelizer) -> list[str]:
    """Return how each feature of a point is computed, factor and offset included.

    Args:
        voxelizer: Voxelizer of the network.

    Example:
        >>> list_formulas(PointVoxelizer(feature_columns=(3, "rho"), feature_scale=0.5))
        ['intensity * 0.5 + 0', 'rho * 0.5 + 0']
    """
    return [
        f"{name} * {scale:.7g} + {offset:.7g}" for name, scale, offset in _list_terms(voxelizer)
    ]


def list_changed_columns(network: nn.Module, stack: str) -> list[str]:
    """Return lines on columns to change for a stack that takes their means as they are.

    Args:
        network: The model with its voxelizer.
        stack: Name of the stack, for errors.

    Returns:
        No lines if there is nothing to change.

    Raises:
        ValueError: If the stack cannot compute the features of the voxels.
    """
    voxelizer = network.pts_voxelizer
    if not isinstance(voxelizer, PointVoxelizer):
        return []  # it hands on all columns as they are
    columns = voxelizer.feature_columns
    terms = _list_terms(voxelizer)
    is_changed = [(scale, offset) != (1, 0) for _, scale, offset in terms]
    reasons = {
        'coordinates="cylindrical"': voxelizer.coordinates != "cartesian",
        f'reduce="{voxelizer.reduce}"': voxelizer.reduce != "mean",
        "no point_cloud_range": voxelizer.grid_shape is None,
        "no max_points": voxelizer.max_points is None,
        f"feature_columns={columns}": len(columns) < 3 or columns != tuple(range(len(columns))),
        "feature_scale or feature_offset of x, y or z": any(is_changed[:3]),
    }
    if found := [reason for reason, holds in reasons.items() if holds]:
        raise ValueError(
            f"{stack} has no settings for pts_voxelizer with {', '.join(found)}: its voxels have "
            "the mean of the columns x, y, z and more. Write a model folder: --to safetensors."
        )
    changed = [
        line for line, holds in zip(list_formulas(voxelizer), is_changed, strict=True) if holds
    ]
    return [f"Change a column of the points before, in your data: {line}." for line in changed]


def _list_terms(voxelizer: PointVoxelizer) -> list[tuple[str, float, float]]:
    """Return name, factor and offset of each feature."""
    names = []
    for column in voxelizer.feature_columns:
        if column == "offset":
            axes = _AXES[voxelizer.coordinates]
            names += [f"({axis} from the center of the voxel, in voxels)" for axis in axes]
        elif isinstance(column, str):
            names.append(column)
        else:
            names.append(
                COLUMN_NAMES[column] if 0 <= column < len(COLUMN_NAMES) else f"column {column}"
            )
    number = len(names)
    scales, offsets = (
        cast(Any, values).expand(number).tolist() for values in (voxelizer.scale, voxelizer.offset)
    )
    return list(zip(names, scales, offsets, strict=True))
