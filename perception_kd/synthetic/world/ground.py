"""The ground: its kind at each position, and its surface."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from perception_kd.structures import Array
from perception_kd.synthetic.world.materials import pick_color
from perception_kd.synthetic.world.meshes import Mesh, make_mesh
from perception_kd.synthetic.world.paths import GroundPath
from perception_kd.synthetic.world.streets import HALF_SIZE, Street, polygons_of, strip

TERRAIN, ROAD, SIDEWALK, ISLAND, MARKING = range(5)
GROUND_MATERIALS = ("soil", "asphalt", "paving", "paving", "marking")
CURB_HEIGHT = 0.15
RESOLUTION = 0.1
_NUM_CELLS = round(2 * HALF_SIZE / RESOLUTION)


@dataclass(frozen=True)
class Ground:
    """Kinds of ground in cells of 0.1 m, and the surface.

    Attributes:
        kinds: TERRAIN, ROAD, ... in a grid of 0.1 m cells; rows along y, shape (H, W).
        colors: RGB of each kind in 0..255, shape (5, 3).
        mesh: Surface; its materials and colors are placeholders, ``kinds`` decides.
    """

    kinds: NDArray[np.uint8]
    colors: Array
    mesh: Mesh

    def kind_at(self, points: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the kind of ground at points (N, 2 or more) in m, shape (N,)."""
        cells = ((points[:, :2] + np.float32(HALF_SIZE)) / np.float32(RESOLUTION)).astype(int)
        cells = cells.clip(0, _NUM_CELLS - 1)
        return self.kinds[cells[:, 1], cells[:, 0]]


def make_ground(street: Street, rng: np.random.Generator) -> Ground:
    """Rasterize a street and build a surface with curbs and uneven terrain."""
    kinds = np.zeros((_NUM_CELLS, _NUM_CELLS), np.uint8)
    fill(kinds, street.sidewalks, SIDEWALK)
    fill(kinds, street.drivable, ROAD)
    for polygon in street.islands:
        fill(kinds, polygon, ISLAND)
    fill_markings(kinds, street, rng)
    colors = [pick_color(name, rng) for name in ("soil", "road", "paving", "paving")]
    colors.append(np.full(3, rng.uniform(170, 225)))
    return Ground(kinds, np.array(colors), _make_surface(kinds, rng))


def fill(cells: NDArray[np.uint8], area: BaseGeometry, value: int) -> None:
    """Write a value into the cells (H, W) of an area, in place."""
    for polygon in polygons_of(area):
        outline = [_to_cells(polygon.exterior.coords)]
        if not polygon.interiors:
            cv2.fillPoly(cells, outline, [value])
            continue
        mask = np.zeros_like(cells)
        cv2.fillPoly(mask, outline, [1])
        cv2.fillPoly(mask, [_to_cells(ring.coords) for ring in polygon.interiors], [0])
        cells[mask > 0] = value


def fill_markings(cells: NDArray[np.uint8], street: Street, rng: np.random.Generator) -> None:
    """Paint worn lane lines, crossings and stop lines on the road, in place, (H, W)."""
    paint = np.zeros_like(cells)
    middles, lanes = street.dividers()
    for line in middles:
        cv2.polylines(paint, [_to_cells(line.coords)], False, [1], 2)
    for line in lanes:
        for start in np.arange(0, line.length - 3, 6.0):
            ends = [line.interpolate(start).coords[0], line.interpolate(start + 3).coords[0]]
            cv2.polylines(paint, [_to_cells(ends)], False, [1], 2)
    for polygon in street.stop_lines:
        fill(paint, polygon, 1)
    for polygon in street.crossings:
        _fill_stripes(paint, polygon)
    worn = cv2.resize(rng.random((300, 300)).astype(np.float32), paint.shape[::-1])
    cells[(paint > 0) & (cells == ROAD) & (worn > 0.22)] = MARKING


def _fill_stripes(paint: NDArray[np.uint8], crossing: Polygon) -> None:
    """Paint zebra stripes; the long edges of a crossing run across the road."""
    corners = np.array(crossing.exterior.coords)[:-1]
    half = len(corners) // 2
    left, right = corners[:half], corners[half:][::-1]
    along = GroundPath.from_segments(
        tuple(left.mean(axis=0)),
        float(np.arctan2(*(right.mean(0) - left.mean(0))[::-1])),
        [(float(np.linalg.norm(right.mean(0) - left.mean(0))), 0.0)],
    )
    depth = float(np.linalg.norm(left[-1] - left[0])) / 2
    for start in np.arange(0.3, along.length - 0.5, 1.0):
        fill(paint, strip(along, start, start + 0.5, depth, -depth), 1)


def _to_cells(points: object) -> NDArray[np.int32]:
    corners = np.array(points, float)[:, :2]
    return np.round((corners + HALF_SIZE) / RESOLUTION - 0.5).astype(np.int32)


def _make_surface(kinds: NDArray[np.uint8], rng: np.random.Generator) -> Mesh:
    fine = np.arange(-80.0, 80.0, 0.5)
    coarse = np.arange(80.0, HALF_SIZE + 1, 5.0)
    ticks = np.concatenate([-coarse[::-1], fine, coarse])
    x, y = np.meshgrid(ticks, ticks)
    cells = ((np.stack([x, y]) + HALF_SIZE) / RESOLUTION).astype(int).clip(0, _NUM_CELLS - 1)
    raised = 255 * ((kinds != ROAD) & (kinds != MARKING)).astype(np.uint8)
    # The mean over a few cells smooths curbs that run diagonally to the grid.
    raised = cv2.blur(raised, (9, 9))[cells[1], cells[0]] / 255
    away = cv2.distanceTransform((kinds == TERRAIN).astype(np.uint8), cv2.DIST_L2, 3)
    away = away[cells[1], cells[0]] * RESOLUTION
    bumps = cv2.resize(rng.random((60, 60)).astype(np.float32), x.shape, interpolation=2)
    z = raised * CURB_HEIGHT + 0.7 * bumps * np.clip(away / 6.0, 0, 1)
    count = len(ticks)
    corner = (np.arange(count - 1)[:, None] * count + np.arange(count - 1)).ravel()
    triangles = np.concatenate(
        [
            np.stack([corner, corner + 1, corner + count], 1),
            np.stack([corner + 1, corner + count + 1, corner + count], 1),
        ]
    )
    vertices = np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1)
    return make_mesh(vertices, triangles, "asphalt", np.zeros(3))
