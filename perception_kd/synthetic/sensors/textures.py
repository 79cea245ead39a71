"""Procedural textures: functions of the position, the same for all rays."""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_kd.synthetic.sensors.triangle_scene import Float32

_SIZE = 512


@cache
def _noise() -> Float32:
    """Return a noise tile with power at all scales, mean 0, std 1, shape (512, 512)."""
    rng = np.random.default_rng(7)
    spectrum = np.fft.rfft2(rng.standard_normal((_SIZE, _SIZE)))
    y = np.fft.fftfreq(_SIZE)[:, None]
    x = np.fft.rfftfreq(_SIZE)[None]
    spectrum /= np.maximum(np.hypot(x, y), 1 / _SIZE) ** 0.9
    tile = np.fft.irfft2(spectrum, s=(_SIZE, _SIZE))
    return ((tile - tile.mean()) / tile.std()).astype(np.float32)


@cache
def _clouds() -> Float32:
    """Return the noise tile without its finest scales, std 1, shape (512, 512)."""
    tiled = np.pad(_noise(), _SIZE // 4, mode="wrap")
    soft = cv2.GaussianBlur(tiled, (0, 0), 3.5)[_SIZE // 4 : -_SIZE // 4, _SIZE // 4 : -_SIZE // 4]
    return np.asarray(soft / soft.std(), np.float32)


def _surface_axes(local: Float32, normal: Float32) -> tuple[Float32, Float32]:
    """Return coordinates in the axis-parallel plane nearest to a surface, (N,) each."""
    axis = np.abs(normal).argmax(axis=1)
    rows = np.arange(len(local))
    first = local[rows, np.array([1, 0, 0])[axis]]
    return first, local[rows, np.array([2, 2, 1])[axis]]


def texture(local: Float32, normal: Float32, tile: Float32) -> Float32:
    """Return the relative brightness of a surface texture.

    Args:
        local: Positions in the coordinates of the object in m, shape (N, 3).
        normal: Unit normals, shape (N, 3).
        tile: Size of the pattern in m, shape (N,).

    Returns:
        Values with a standard deviation of about 1, shape (N,).
    """
    u, v = _surface_axes(local, normal)
    coarse = _look_up(u / tile, v / tile)
    fine = _look_up(u * 3.7 / tile + 0.31, v * 3.7 / tile + 0.17)
    return 0.75 * coarse + 0.55 * fine


def facade_windows(
    local: Float32, normal: Float32, object_id: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return the mask of the positions on walls that lie in a window.

    Each building has its own spacing; some have no windows.

    Args:
        local: Positions in m, shape (N, 3).
        normal: Unit normals, shape (N, 3).
        object_id: Object ids, shape (N,).

    Returns:
        Boolean array, shape (N,).
    """
    draw = np.random.default_rng(11).random((4096, 3)).astype(np.float32)[object_id % 4096]
    wall = np.abs(normal[:, 2]) < 0.3
    across = np.stack([-normal[:, 1], normal[:, 0]], axis=1)
    along = (local[:, :2] * across).sum(axis=1)
    width, height = 2.2 + 2.4 * draw[:, 0], 2.8 + 0.7 * draw[:, 1]
    column, row = (along / width) % 1, ((local[:, 2] - 0.6) / height) % 1
    inside = (np.abs(column - 0.5) < 0.18 + 0.2 * draw[:, 2]) & (np.abs(row - 0.55) < 0.24)
    visible = wall & inside & (draw[:, 2] > 0.2) & (local[:, 2] > 0.9)
    return np.asarray(visible, bool)


def sky_clouds(directions: Float32) -> Float32:
    """Return the cloud cover 0..1 in unit directions (N, 3), shape (N,)."""
    up = np.maximum(directions[:, 2], 0.02) + 0.12
    # Clouds are soft: no detail finer than seven cells.
    clouds = _look_up(directions[:, 0] / up / 14, directions[:, 1] / up / 14, _clouds())
    share = np.clip(0.35 + 0.5 * clouds, 0, 1) * np.clip(directions[:, 2] * 8, 0, 1)
    return np.asarray(share, np.float32)


def _look_up(u: Float32, v: Float32, tile: Float32 | None = None) -> Float32:
    """Return the noise at positions given in tiles, shape (N,)."""
    column = np.floor(u * _SIZE).astype(np.int64) % _SIZE
    row = np.floor(v * _SIZE).astype(np.int64) % _SIZE
    return (_noise() if tile is None else tile)[row, column]
