"""Triangle meshes with a material and a color for each triangle."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from perception_kd.geometry.rigid import transform_points
from perception_kd.structures import Array
from perception_kd.synthetic.world.materials import MATERIAL_INDEX

_CORNERS = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)], float)
_FACES = np.array(
    [
        *([0, 2, 3], [0, 3, 1], [4, 5, 7], [4, 7, 6], [0, 1, 5], [0, 5, 4]),
        *([2, 6, 7], [2, 7, 3], [0, 4, 6], [0, 6, 2], [1, 3, 7], [1, 7, 5]),
    ]
)
Vector = tuple[float, float, float] | Array


class Mesh(NamedTuple):
    """Triangles of one or more objects.

    Attributes:
        vertices: Positions in m, shape (V, 3).
        triangles: Vertex indices, shape (T, 3).
        materials: Index into ``MATERIALS``, shape (T,).
        colors: RGB in 0..255, shape (T, 3).
    """

    vertices: Array
    triangles: NDArray[np.int64]
    materials: NDArray[np.int64]
    colors: Array


def make_mesh(vertices: Array, triangles: NDArray[np.int64], material: str, color: Array) -> Mesh:
    """Return a mesh of one material and color.

    Args:
        vertices: Positions in m, shape (V, 3).
        triangles: Vertex indices, shape (T, 3).
        material: Key of ``MATERIALS``.
        color: RGB in 0..255, shape (3,).
    """
    count = len(triangles)
    materials = np.full(count, MATERIAL_INDEX[material])
    return Mesh(vertices, triangles, materials, np.tile(color, (count, 1)))


def merge(meshes: list[Mesh] | tuple[Mesh, ...]) -> Mesh:
    """Concatenate meshes in their order."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([m.triangles + i for m, i in zip(meshes, starts, strict=False)]),
        np.concatenate([mesh.materials for mesh in meshes]),
        np.concatenate([mesh.colors for mesh in meshes]),
    )


def move(mesh: Mesh, pose: Array) -> Mesh:
    """Return a mesh transformed by a pose of shape (4, 4)."""
    return mesh._replace(vertices=transform_points(mesh.vertices, pose))


def frustum(
    low: Vector,
    high: Vector,
    material: str,
    color: Array,
    taper: tuple[float, float] = (1.0, 1.0),
) -> Mesh:
    """Return a box whose top is ``taper`` times as long and wide as its bottom.

    Args:
        low: Smallest x, y, z in m, shape (3,).
        high: Largest x, y, z in m, shape (3,).
        material: Key of ``MATERIALS``.
        color: RGB in 0..255, shape (3,).
        taper: Factors along x and y.
    """
    start, end = np.asarray(low, float), np.asarray(high, float)
    corners = _CORNERS.copy()
    corners[4:, :2] = 0.5 + (corners[4:, :2] - 0.5) * taper
    return make_mesh(start + corners * (end - start), _FACES, material, color)


def cylinder(
    base: Vector,
    radius: float,
    height: float,
    material: str,
    color: Array,
    axis: int = 2,
    sides: int = 10,
) -> Mesh:
    """Return a closed cylinder along a coordinate axis.

    Args:
        base: Center of its lower end in m, shape (3,).
        radius: Radius in m.
        height: Length along the axis in m.
        material: Key of ``MATERIALS``.
        color: RGB in 0..255, shape (3,).
        axis: Index of the axis: 0, 1 or 2.
        sides: Number of side faces.
    """
    angles = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    ring = np.stack([np.cos(angles) * radius, np.sin(angles) * radius, np.zeros(sides)], 1)
    up = np.array([0, 0, height])
    vertices = np.concatenate([ring, ring + up, [np.zeros(3), up]])
    i = np.arange(sides)
    j = (i + 1) % sides
    low, high = np.full(sides, 2 * sides), np.full(sides, 2 * sides + 1)
    rows = [(i, j, j + sides), (i, j + sides, i + sides), (j, i, low), (i + sides, j + sides, high)]
    triangles = np.concatenate([np.stack(row, 1) for row in rows])
    return make_mesh(np.roll(vertices, axis + 1, axis=1) + base, triangles, material, color)


def blob(
    center: Vector,
    radii: Vector,
    material: str,
    color: Array,
    rng: np.random.Generator,
    roughness: float = 0.18,
) -> Mesh:
    """Return a rough ellipsoid of 160 triangles.

    Args:
        center: Center in m, shape (3,).
        radii: Radii along x, y, z in m, shape (3,).
        material: Key of ``MATERIALS``.
        color: RGB in 0..255, shape (3,).
        rng: Source of the roughness.
        roughness: Standard deviation of the relative radius.
    """
    rings, sides = 8, 10
    polar = np.linspace(0.12, np.pi - 0.12, rings)
    around = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    theta, phi = (x.ravel() for x in np.meshgrid(polar, around, indexing="ij"))
    unit = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], 1)
    unit = np.concatenate([unit, [[0, 0, 1], [0, 0, -1]]])
    unit *= 1 + rng.normal(0, roughness, (len(unit), 1)).clip(-0.4, 0.4)
    i, j = (x.ravel() for x in np.meshgrid(np.arange(rings - 1), np.arange(sides), indexing="ij"))
    k = (j + 1) % sides
    quads = [(i * sides + j, (i + 1) * sides + j, (i + 1) * sides + k)]
    quads.append((i * sides + j, (i + 1) * sides + k, i * sides + k))
    side, last = np.arange(sides), (rings - 1) * sides
    after = (side + 1) % sides
    top, bottom = np.full(sides, rings * sides), np.full(sides, rings * sides + 1)
    quads += [(top, side, after), (bottom, last + after, last + side)]
    triangles = np.concatenate([np.stack(quad, 1) for quad in quads])
    return make_mesh(np.asarray(center) + unit * radii, triangles, material, color)
