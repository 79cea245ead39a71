"""Parts of features that tell only where a point is, seen from the sensor."""

import torch
from torch import Tensor

from perception_kd.utils.checks import check_shape

_MIN_RANGE = 1e-3  # m


def remove_position(feats: Tensor, positions: Tensor) -> Tensor:
    """Return the residuals of features after a regression on range and azimuth.

    The density of points and that of the rays of cameras both tell the range, so two
    networks can agree on it without seeing the same things. The regression is linear,
    by least squares over all rows, on

        1, r, r^2, r^3, log r, cos a, sin a, cos 2a, sin 2a

    with r the range in BEV and a the azimuth. With no more rows than these nothing is
    left.

    Args:
        feats: Features of M points, shape (M, C).
        positions: x and y in m in the coordinates of the sensor, shape (M, 2).

    Returns:
        Residuals, shape (M, C), float32 or wider.

    Raises:
        ValueError: If a shape is wrong.
    """
    check_shape("feats", feats, ("M", "C"))
    check_shape("positions", positions, (len(feats), 2))
    wide = feats.double()
    basis = _expand(positions.double())
    # Orthogonal columns; those of a rank that is not full come out small, not wrong.
    residuals = wide - basis @ (torch.linalg.pinv(basis) @ wide)
    return residuals.to(torch.promote_types(feats.dtype, torch.float32))


def share_of_position(feats: Tensor, positions: Tensor) -> Tensor:
    """Return the share of the variance of features that their position explains.

    Args:
        feats: Features of M points, shape (M, C).
        positions: x and y in m in the coordinates of the sensor, shape (M, 2).

    Returns:
        Scalar in 0..1: R^2 of the regression of :func:`remove_position`, over all
        channels together. 0 without variance.
    """
    left = remove_position(feats, positions).double().square().sum()
    if len(feats) == 0:
        return left
    total = (feats.double() - feats.double().mean(dim=0)).square().sum()
    share = 1 - left / total.masked_fill(total == 0, 1.0)
    return share.masked_fill(total == 0, 0.0).clamp(0, 1)


def _expand(positions: Tensor) -> Tensor:
    """Return the columns of the regression, each about 1 in size, (M, 9)."""
    ranges = positions.norm(dim=1).clamp(min=_MIN_RANGE)
    azimuth = torch.atan2(positions[:, 1], positions[:, 0])
    r = ranges / 50.0
    columns = [torch.ones_like(r), r, r**2, r**3, r.log()]
    columns += [azimuth.cos(), azimuth.sin(), (2 * azimuth).cos(), (2 * azimuth).sin()]
    return torch.stack(columns, dim=1)
