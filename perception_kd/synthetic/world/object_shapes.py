"""Shapes of static objects, in their own coordinates: x along the road, z up."""

import numpy as np

from perception_kd.structures import Array
from perception_kd.synthetic.world.materials import pick_color
from perception_kd.synthetic.world.meshes import Mesh, blob, cylinder, frustum, merge

# Height in m at which objects start: below the lowest ground, so that none floats.
BASE = -0.5


def make_building(size: tuple[float, float, float], rng: np.random.Generator) -> Mesh:
    """Return a building of length, width and height in m, centered at the origin."""
    length, depth, height = size
    color, trim = pick_color("facade", rng), pick_color("facade", rng)
    x, y = length / 2, depth / 2
    parts = [frustum((-x, -y, BASE), (x, y, height), "facade", color)]
    parts.append(frustum((-x - 0.15, -y - 0.15, BASE), (x + 0.15, y + 0.15, 0.9), "facade", trim))
    roof = rng.integers(3)
    if roof == 0 and height < 12:
        low, high = (-x - 0.4, -y - 0.4, height), (x + 0.4, y + 0.4, height + 2.6)
        parts.append(frustum(low, high, "facade", trim, (0.95, 0.15)))
    elif roof == 1:
        low, high = (-x * 0.4, -y * 0.4, height), (x * 0.3, y * 0.4, height + 2.5)
        parts.append(frustum(low, high, "facade", trim))
    if rng.random() < 0.5:
        for floor in np.arange(3.0, height - 1, 3.0):
            low, high = (-x * 0.7, -y - 0.9, floor), (x * 0.7, y + 0.9, floor + 0.2)
            parts.append(frustum(low, high, "facade", trim))
    return merge(parts)


def make_tree(rng: np.random.Generator) -> Mesh:
    """Return a tree at the origin."""
    height, radius = rng.uniform(2.2, 4.0), rng.uniform(0.12, 0.25)
    bark, leaves = pick_color("bark", rng), pick_color("foliage", rng)
    parts = [cylinder((0, 0, BASE), radius, height + 1.5, "bark", bark, sides=7)]
    for _ in range(int(rng.integers(3, 6))):
        center = (*rng.normal(0, 0.6, 2), height + rng.uniform(0.6, 2.6))
        parts.append(blob(center, rng.uniform(0.9, 1.8, 3), "foliage", _vary(leaves, rng), rng))
    return merge(parts)


def make_hedge(rng: np.random.Generator) -> Mesh:
    """Return a hedge along x, centered at the origin."""
    leaves = pick_color("foliage", rng)
    return merge(
        [
            blob((x, 0, 0.3), (0.8, *rng.uniform(0.5, 0.9, 2)), "foliage", _vary(leaves, rng), rng)
            for x in np.linspace(-1.0, 1.0, 3)
        ]
    )


def _vary(color: Array, rng: np.random.Generator) -> Array:
    return np.asarray(np.clip(color * rng.uniform(0.85, 1.15), 0, 255))


def make_lamp(rng: np.random.Generator) -> Mesh:
    """Return a street lamp at the origin that points along y."""
    color, height = pick_color("pole", rng), rng.uniform(5.5, 8.5)
    return merge(
        [
            cylinder((0, 0, BASE), rng.uniform(0.07, 0.13), height, "metal", color, sides=8),
            cylinder((0, 0, height - 0.6), 0.05, 1.8, "metal", color, axis=1, sides=6),
            frustum((-0.15, 1.2, height - 0.62), (0.15, 1.9, height - 0.5), "plastic", color),
        ]
    )


def make_sign(rng: np.random.Generator) -> Mesh:
    """Return a traffic sign at the origin."""
    height = rng.uniform(2.0, 2.8)
    post = cylinder((0, 0, BASE), 0.04, height + 0.9, "metal", pick_color("pole", rng), sides=6)
    size = rng.uniform(0.25, 0.45)
    low, high = (-0.07, -size, height - size), (-0.04, size, height + size)
    return merge([post, frustum(low, high, "sign", pick_color("signal", rng))])


def make_cabinet(rng: np.random.Generator) -> Mesh:
    """Return a switch cabinet around the origin."""
    size = rng.uniform((0.3, 0.2, 0.9), (0.5, 0.3, 1.4))
    low, high = (-size[0], -size[1], BASE), size
    return frustum(low, high, "metal", pick_color("pole", rng))


def make_fence(rng: np.random.Generator) -> Mesh:
    """Return a fence along x, centered at the origin."""
    color, height = pick_color("facade", rng), rng.uniform(0.8, 1.8)
    if rng.random() < 0.5:
        return frustum((-3, -0.1, BASE), (3, 0.1, height), "facade", color)
    posts = [
        cylinder((x, 0, BASE), 0.04, height - BASE, "metal", color, sides=5)
        for x in np.arange(-3, 3.1, 1.0)
    ]
    rails = [
        frustum((-3, -0.03, z), (3, 0.03, z + 0.08), "metal", color)
        for z in (0.3, height * 0.6, height - 0.1)
    ]
    return merge([*posts, *rails])
