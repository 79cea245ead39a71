"""Rasterization of nuScenes' vector maps in bird's-eye view."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from shapely import STRtree, box, contains_xy, get_parts, prepare
from shapely.affinity import affine_transform
from shapely.geometry import LineString, MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from perception_kd.geometry.bev_grid import BEVGrid
from perception_kd.io.bounded import file_size
from perception_kd.structures import Array

BEVMask = NDArray[np.uint8]

_MAX_BYTES = 2**30
_VERSION = "1.3"
_MAX_COORDINATE = 1e6  # m

# Layers of the map expansion that make up each class of BEVFusion's map segmentation.
MAP_LAYERS: Mapping[str, Sequence[str]] = {
    "drivable_area": ("drivable_area",),
    "ped_crossing": ("ped_crossing",),
    "walkway": ("walkway",),
    "stop_line": ("stop_line",),
    "carpark_area": ("carpark_area",),
    "divider": ("road_divider", "lane_divider"),
}


@dataclass(frozen=True)
class VectorMap:
    """Polygons and lines of one location, by layer, in global coordinates in m.

    Attributes:
        layers: Search tree of the shapes of each layer in ``MAP_LAYERS``.
    """

    layers: Mapping[str, STRtree]

    @classmethod
    def read(cls, data_root: str | Path, location: str) -> "VectorMap":
        """Read the map expansion of a location.

        Args:
            data_root: nuScenes' folder, which holds ``maps/expansion``.
            location: Such as "singapore-onenorth".

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is not a map of version 1.3 with a drivable area.
        """
        path = Path(data_root) / "maps" / "expansion" / f"{location}.json"
        remedy = (
            f"unpack nuScenes' map expansion (v1.3) into {path.parent.parent}, or check data_root."
        )
        size = file_size(path, "map", remedy)
        if size > _MAX_BYTES:
            raise ValueError(f"{path} has {size:,} bytes, more than any map; {remedy}")
        names = [name for layers in MAP_LAYERS.values() for name in layers]
        try:
            nusc_map = _open_map(data_root, location)
            shapes = {name: _read_shapes(nusc_map, name) for name in names}
        except Exception as error:  # the devkit raises nearly anything
            raise ValueError(
                f"{path} is not a map of nuScenes' map expansion: {_describe(error)}; {remedy}"
            ) from error
        if not shapes["drivable_area"]:
            raise ValueError(f"{path} has no valid polygon of drivable_area; {remedy}")
        return cls({name: STRtree(parts) for name, parts in shapes.items()})

    def draw(
        self, layer: str, global2cells: Array, shape: tuple[int, int], value_at: str
    ) -> BEVMask:
        """Mark the cells that a layer covers; a line is two cells wide.

        Args:
            layer: Name of the layer.
            global2cells: Affine map from global x and y in m to x and y in cells, (2,
                3).
            shape: Cells along y and x.
            value_at: "center" or "corner"; see :func:`draw_bev_masks`.

        Returns:
            1 where covered, else 0, shape (Y, X).
        """
        (a, b, x), (d, e, y) = global2cells
        tree, mask = self.layers[layer], np.zeros(shape, np.uint8)
        outline = _seen_area(global2cells, shape)
        fill = _fill_centers if value_at == "center" else _fill_as_devkit
        for index in tree.query(outline):
            seen = tree.geometries[index].intersection(outline)
            for part in get_parts(affine_transform(seen, [a, b, d, e, x, y])):
                mask |= fill(part, shape)
        return mask


def draw_bev_masks(
    vector_map: VectorMap,
    lidar2global: Array,
    grid: BEVGrid,
    classes: Sequence[str] = tuple(MAP_LAYERS),
    *,
    ground_height: float = 0.0,
    value_at: str = "center",
) -> BEVMask:
    """Draw the classes of a map as seen from a LiDAR.

    Convention: masks are (Y, X) on the cells of ``grid`` like every BEV map, in
    LiDAR coordinates or, where ``lidar2global`` starts there, in the augmented one.

    Args:
        vector_map: Map of the location.
        lidar2global: Invertible, shape (4, 4); an augmentation (rotation, flip, scale,
            translation) may be part of it.
        grid: Cells of the result.
        classes: Names of ``MAP_LAYERS``.
        ground_height: Height of the plane in which the map lies, global, in m.
        value_at: "center" marks the cells whose centers are covered; "corner" draws as
            the devkit's ``get_map_mask`` does, which is what BEVFusion's results are
            measured on: corners rounded to whole cells, half a cell off. There, a hole
            of one polygon does not erase another that lies in it, as the devkit's does.

    Returns:
        1 where a class is, else 0, shape (classes, Y, X). Classes may overlap.

    Raises:
        ValueError: If a class or ``value_at`` is unknown.
    """
    unknown = [name for name in classes if name not in MAP_LAYERS]
    if unknown:
        raise ValueError(f"classes must be among {list(MAP_LAYERS)}, but got {unknown}.")
    if value_at not in ("center", "corner"):
        raise ValueError(f'value_at must be "center" or "corner", but got "{value_at}".')
    global2cells = _global_to_cells(lidar2global, grid, ground_height)
    masks = np.zeros((len(classes), *grid.shape), np.uint8)
    for mask, name in zip(masks, classes, strict=True):
        for layer in MAP_LAYERS[name]:
            mask |= vector_map.draw(layer, global2cells, grid.shape, value_at)
    return masks


def _open_map(data_root: str | Path, location: str) -> object:
    from nuscenes.map_expansion.map_api import NuScenesMap

    nusc_map = NuScenesMap(dataroot=str(data_root), map_name=location)
    if nusc_map.version != _VERSION:  # the devkit compares it as text, with older ones only
        raise ValueError(f"its version is {nusc_map.version!r:.20}, but must be {_VERSION}")
    places = [place for node in nusc_map.node for place in (node["x"], node["y"])]
    odd = [place for place in places if not isinstance(place, int | float)]
    if odd:
        raise ValueError(f"x or y of a node must be a number, but is {odd[0]!r:.20}")
    nodes = np.array(places, float)
    if not (np.abs(nodes) <= _MAX_COORDINATE).all():
        raise ValueError("a node is at NaN or farther away than 1000 km")
    return nusc_map


def _describe(error: Exception) -> str:
    text = (str(error).splitlines() or [""])[0][:200].rstrip(".")
    return f"{text} is missing" if isinstance(error, KeyError) else f"{text or repr(error)}"


def _read_shapes(nusc_map: object, layer: str) -> list[Polygon] | list[LineString]:
    """Return the shapes of a layer; broken polygons are left out as the devkit does."""
    from nuscenes.map_expansion.map_api import NuScenesMap

    assert isinstance(nusc_map, NuScenesMap)
    records = getattr(nusc_map, layer)
    if layer in nusc_map.non_geometric_line_layers:
        lines = (nusc_map.extract_line(record["line_token"]) for record in records)
        return [line for line in lines if not line.is_empty]
    tokens = [
        token
        for record in records
        for token in record.get("polygon_tokens", [record.get("polygon_token")])
    ]
    polygons = (nusc_map.extract_polygon(token) for token in tokens)
    return [polygon for polygon in polygons if polygon.is_valid]


def _global_to_cells(lidar2global: Array, grid: BEVGrid, ground_height: float) -> Array:
    """Return the affine map of a horizontal plane from global coordinates to cells."""
    # An augmentation may scale or mirror, so this is not a rigid inverse.
    global2lidar = np.linalg.inv(lidar2global)
    plane = global2lidar[:2, [0, 1, 3]].copy()
    plane[:, 2] += global2lidar[:2, 2] * ground_height
    plane[:, 2] -= grid.point_cloud_range[:2]
    return np.asarray(plane / grid.cell_size)


def _seen_area(global2cells: Array, shape: tuple[int, int]) -> Polygon:
    """Return the grid's outline in global coordinates."""
    cells2global = np.linalg.inv(np.vstack([global2cells, [0, 0, 1]]))
    (a, b, x), (d, e, y), _ = cells2global
    rows, columns = shape
    return affine_transform(box(0, 0, columns, rows), [a, b, d, e, x, y])


def _fill_centers(part: BaseGeometry, shape: tuple[int, int]) -> BEVMask:
    """Mark the cells whose centers lie in a polygon, or within a cell of a line."""
    if isinstance(part, LineString):
        part = part.buffer(1.0, cap_style="flat")
    mask = np.zeros(shape, np.uint8)
    if isinstance(part, Polygon) and not part.is_empty:
        low_x, low_y, high_x, high_y = part.bounds
        rows = np.arange(max(int(low_y), 0), min(int(high_y) + 1, shape[0]))
        columns = np.arange(max(int(low_x), 0), min(int(high_x) + 1, shape[1]))
        prepare(part)
        mask[np.ix_(rows, columns)] = contains_xy(part, columns + 0.5, rows[:, None] + 0.5)
    return mask


def _fill_as_devkit(part: BaseGeometry, shape: tuple[int, int]) -> BEVMask:
    from nuscenes.map_expansion.map_api import NuScenesMapExplorer

    mask = np.zeros(shape, np.uint8)
    if isinstance(part, LineString):
        NuScenesMapExplorer.mask_for_lines(part, mask)
    elif isinstance(part, Polygon):
        NuScenesMapExplorer.mask_for_polygons(MultiPolygon([part]), mask)
    return mask
