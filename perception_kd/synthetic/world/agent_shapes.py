"""Shapes of agents, as parts in relative coordinates of the box.

Ranges run from 0 to 1 over length (to the front), width (to the left) and height, so a
shape fills its box at any size.
"""

from typing import NamedTuple

import numpy as np

from perception_kd.structures import Array
from perception_kd.synthetic.world.materials import pick_color
from perception_kd.synthetic.world.meshes import Mesh, cylinder, frustum, merge

Range = tuple[float, float]


class Part(NamedTuple):
    """A piece of a shape.

    Attributes:
        x: Range from rear to front, 0..1.
        y: Range from right to left, 0..1.
        z: Range from bottom to top, 0..1.
        material: Key of ``MATERIALS``.
        palette: Key of ``PALETTES``.
        taper: Length and width at the top relative to those at the bottom.
        tone: Index of a color drawn from the palette; parts of equal palette and tone
            share a color.
    """

    x: Range
    y: Range
    z: Range
    material: str
    palette: str
    taper: Range = (1.0, 1.0)
    tone: int = 0


def _wheels(*centers: float, radius: float, height: float = 0.3) -> list[Part]:
    sides: tuple[Range, ...] = ((0.0, 0.12), (0.88, 1.0))
    return [
        Part((x - radius, x + radius), side, (0.0, height), "wheel", "dark")
        for x in centers
        for side in sides
    ]


_RIDER = [
    Part((0.36, 0.62), (0.18, 0.82), (0.50, 0.84), "cloth", "cloth", taper=(0.8, 0.8)),
    Part((0.42, 0.70), (0.22, 0.78), (0.30, 0.52), "cloth", "cloth", tone=1),
    Part((0.45, 0.58), (0.36, 0.64), (0.84, 1.0), "plastic", "cloth", taper=(0.8, 0.8), tone=2),
]
_LEGS = {
    False: ((0.3, 0.7), (0.3, 0.7)),
    True: ((0.0, 0.42), (0.6, 1.0)),
}


def _two_wheeler(top: float, thick: float, rider: bool) -> list[Part]:
    """Return the parts of a bicycle or motorcycle; ``top`` is its relative height."""
    half = thick / 2
    wheel, middle = (0.5 - half, 0.5 + half), (0.5 - 1.3 * half, 0.5 + 1.3 * half)
    return [
        Part((0.0, 0.36), wheel, (0.0, 0.6 * top), "wheel", "dark"),
        Part((0.64, 1.0), wheel, (0.0, 0.6 * top), "wheel", "dark"),
        Part((0.2, 0.75), middle, (0.33 * top, 0.72 * top), "paint", "vehicle", taper=(0.8, 0.9)),
        Part((0.25, 0.45), middle, (0.72 * top, 0.86 * top), "rubber", "dark"),
        Part((0.68, 0.76), wheel, (0.6 * top, 0.9 * top), "metal", "pole"),
        Part((0.66, 0.72), (0.0, 1.0), (0.9 * top, top), "metal", "dark"),
        *(_RIDER if rider else []),
    ]


def _person(walking: bool) -> list[Part]:
    right, left = _LEGS[walking]
    return [
        Part(right, (0.18, 0.48), (0.0, 0.49), "cloth", "cloth", taper=(0.9, 1.0), tone=1),
        Part(left, (0.52, 0.82), (0.0, 0.49), "cloth", "cloth", taper=(0.9, 1.0), tone=1),
        Part((0.26, 0.74), (0.16, 0.84), (0.47, 0.82), "cloth", "cloth", taper=(0.9, 1.0)),
        Part((0.30, 0.70), (0.24, 0.76), (0.82, 0.85), "cloth", "cloth", taper=(0.6, 0.6)),
        Part(left, (0.0, 0.15), (0.42, 0.81), "cloth", "cloth"),
        Part(right, (0.85, 1.0), (0.42, 0.81), "cloth", "cloth"),
        Part((0.28, 0.72), (0.35, 0.65), (0.85, 0.97), "cloth", "skin", taper=(1.0, 1.0)),
        Part((0.26, 0.70), (0.34, 0.66), (0.96, 1.0), "cloth", "dark", taper=(0.7, 0.7)),
    ]


SHAPES: dict[str, list[Part]] = {
    "car": [
        Part((0.0, 1.0), (0.0, 1.0), (0.32, 0.62), "paint", "vehicle", taper=(0.97, 0.94)),
        Part((0.03, 0.97), (0.04, 0.96), (0.14, 0.33), "paint", "vehicle"),
        Part((0.12, 0.78), (0.06, 0.94), (0.61, 0.95), "glass", "glass", taper=(0.66, 0.82)),
        Part((0.22, 0.68), (0.13, 0.87), (0.94, 1.0), "paint", "vehicle", taper=(0.9, 0.9)),
        *(
            Part(x, y, (0.44, 0.54), "sign", palette, tone=1)
            for x, palette in (((0.0, 0.03), "signal"), ((0.97, 1.0), "pole"))
            for y in ((0.06, 0.22), (0.78, 0.94))
        ),
        Part((0.0, 0.02), (0.38, 0.62), (0.35, 0.41), "sign", "pole", tone=1),
        *_wheels(0.19, 0.81, radius=0.075, height=0.38),
    ],
    "truck": [
        Part((0.0, 0.70), (0.0, 1.0), (0.26, 1.0), "paint", "vehicle", tone=1),
        Part((0.72, 0.985), (0.04, 0.96), (0.16, 0.86), "paint", "vehicle", taper=(0.92, 0.96)),
        Part((0.90, 0.995), (0.10, 0.90), (0.48, 0.78), "glass", "glass"),
        Part((0.02, 1.0), (0.15, 0.85), (0.12, 0.24), "rubber", "dark"),
        *_wheels(0.12, 0.28, 0.84, radius=0.065),
    ],
    "bus": [
        Part((0.0, 0.995), (0.01, 0.99), (0.09, 0.98), "paint", "vehicle"),
        Part((0.04, 0.96), (0.0, 1.0), (0.42, 0.78), "glass", "glass"),
        Part((0.99, 1.0), (0.08, 0.92), (0.36, 0.84), "glass", "glass"),
        Part((0.2, 0.5), (0.25, 0.75), (0.97, 1.0), "metal", "vehicle", tone=1),
        *_wheels(0.2, 0.8, radius=0.045, height=0.28),
    ],
    "trailer": [
        Part((0.0, 0.93), (0.0, 1.0), (0.28, 1.0), "paint", "vehicle"),
        Part((0.6, 1.0), (0.3, 0.7), (0.18, 0.26), "metal", "dark"),
        Part((0.84, 0.87), (0.2, 0.3), (0.0, 0.28), "metal", "dark"),
        Part((0.84, 0.87), (0.7, 0.8), (0.0, 0.28), "metal", "dark"),
        *_wheels(0.1, 0.2, 0.3, radius=0.045, height=0.26),
    ],
    "construction_vehicle": [
        Part((0.02, 0.6), (0.0, 0.26), (0.0, 0.27), "rubber", "dark", taper=(0.9, 1.0)),
        Part((0.02, 0.6), (0.74, 1.0), (0.0, 0.27), "rubber", "dark", taper=(0.9, 1.0)),
        Part((0.0, 0.55), (0.05, 0.95), (0.28, 0.52), "paint", "signal"),
        Part((0.22, 0.50), (0.1, 0.55), (0.52, 0.88), "glass", "glass", taper=(0.8, 0.9)),
        Part((0.36, 0.72), (0.58, 0.74), (0.50, 1.0), "paint", "signal", taper=(0.4, 1.0)),
        Part((0.60, 0.92), (0.59, 0.73), (0.72, 0.86), "paint", "signal"),
        Part((0.84, 0.92), (0.60, 0.72), (0.28, 0.74), "paint", "signal"),
        Part((0.80, 1.0), (0.45, 0.87), (0.04, 0.30), "metal", "pole", taper=(0.7, 1.0)),
    ],
    "motorcycle": _two_wheeler(1.0, 0.34, rider=False),
    "motorcycle_rider": _two_wheeler(0.66, 0.34, rider=True),
    "bicycle": _two_wheeler(1.0, 0.14, rider=False),
    "bicycle_rider": _two_wheeler(0.58, 0.14, rider=True),
    "standing": _person(walking=False),
    "walking": _person(walking=True),
    "cone": [
        Part((0.0, 1.0), (0.0, 1.0), (0.0, 0.06), "rubber", "dark"),
        Part((0.14, 0.86), (0.14, 0.86), (0.05, 0.5), "plastic", "signal", taper=(0.6, 0.6)),
        Part((0.28, 0.72), (0.28, 0.72), (0.5, 0.7), "sign", "signal", taper=(0.7, 0.7), tone=1),
        Part((0.35, 0.65), (0.35, 0.65), (0.7, 1.0), "plastic", "signal", taper=(0.4, 0.4)),
    ],
    "barrier": [
        Part((0.0, 1.0), (0.0, 1.0), (0.0, 0.34), "plastic", "signal", taper=(0.6, 1.0)),
        Part((0.2, 0.8), (0.0, 1.0), (0.33, 1.0), "plastic", "signal", taper=(0.6, 1.0)),
    ],
}


def make_shape(name: str, size: tuple[float, float, float], rng: np.random.Generator) -> Mesh:
    """Return the mesh of a shape: x to the front, the origin at the box center.

    Args:
        name: Key of ``SHAPES``.
        size: Length, width, height in m.
        rng: Source of the colors.
    """
    colors: dict[tuple[str, int], Array] = {}
    meshes = []
    for part in SHAPES[name]:
        key = part.palette, part.tone
        if key not in colors:
            colors[key] = pick_color(part.palette, rng)
        meshes.append(_make_part(part, np.array(size), colors[key]))
    return merge(meshes)


def _make_part(part: Part, size: Array, color: Array) -> Mesh:
    ranges = (np.array([part.x, part.y, part.z]) - [[0.5], [0.5], [0.5]]) * size[:, None]
    low, high = ranges.T
    if part.material != "wheel":
        return frustum(low, high, part.material, color, part.taper)
    radius = min(high[0] - low[0], high[2] - low[2]) / 2
    hub = ((low[0] + high[0]) / 2, low[1], low[2] + radius)
    return cylinder(hub, radius, high[1] - low[1], "rubber", color, axis=1, sides=12)
