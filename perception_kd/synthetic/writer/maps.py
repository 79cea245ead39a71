"""Maps: vector layers of the map expansion, and raster masks of the semantic prior."""

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from shapely import affinity
from shapely.geometry import LineString, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from perception_kd.datasets.nuscenes.json_records import Record
from perception_kd.io.atomic import write_whole
from perception_kd.io.images import write_image
from perception_kd.synthetic.world.ground import RESOLUTION
from perception_kd.synthetic.world.scene import CANVAS, Scene
from perception_kd.synthetic.world.settings import LOCATIONS
from perception_kd.synthetic.world.streets import polygons_of
from perception_kd.synthetic.writer.tables import make_token

_LAYERS = (
    *("polygon", "line", "node", "drivable_area", "road_segment", "road_block", "lane"),
    *("ped_crossing", "walkway", "stop_line", "carpark_area", "road_divider", "lane_divider"),
    *("traffic_light", "lane_connector"),
)
MapLayers = dict[str, list[Record]]


class MapDrawer:
    """Draws the map layers of one scene, in global coordinates.

    Args:
        scene: Scene to draw.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._layers: MapLayers = defaultdict(list)

    def draw(self) -> MapLayers:
        """Return the records of all layers."""
        street = self._scene.street
        areas = [self._polygon(part) for part in polygons_of(street.drivable)]
        drivable = self._add("drivable_area", polygon_tokens=areas)
        for road in street.roads:
            for part in polygons_of(road.polygon().difference(street.junction)):
                self._segment(part, drivable, False)
        for part in polygons_of(street.junction):
            self._segment(part, drivable, True)
        for part in polygons_of(street.sidewalks):
            self._add("walkway", polygon_token=self._polygon(part))
        self._draw_lanes()
        self._draw_markings()
        return dict(self._layers)

    def _segment(self, area: Polygon, drivable: str, is_intersection: bool) -> None:
        token = self._add(
            "road_segment",
            polygon_token=self._polygon(area),
            is_intersection=is_intersection,
            drivable_area_token=drivable,
        )
        if not is_intersection:
            edges = self._edges(area)
            area_token = self._polygon(area)
            self._add("road_block", polygon_token=area_token, road_segment_token=token, **edges)

    def _draw_lanes(self) -> None:
        for lane in self._scene.street.lane_polygons():
            self._add(
                "lane",
                polygon_token=self._polygon(lane),
                lane_type="CAR",
                left_lane_divider_segments=[],
                right_lane_divider_segments=[],
                **self._edges(lane),
            )
        middles, lanes = self._scene.street.dividers()
        for line in middles:
            self._add("road_divider", line_token=self._line(line), road_segment_token="")
        for line in lanes:
            token = self._line(line)
            nodes = self._layers["line"][-1]["node_tokens"]
            kind = "SINGLE_DASHED_WHITE"
            segments = [{"node_token": node, "segment_type": kind} for node in nodes]
            self._add("lane_divider", line_token=token, lane_divider_segments=segments)

    def _draw_markings(self) -> None:
        street = self._scene.street
        for crossing, stop in zip(street.crossings, street.stop_lines, strict=True):
            token = self._polygon(crossing)
            crossing_token = self._add("ped_crossing", polygon_token=token, road_segment_token="")
            self._add(
                "stop_line",
                polygon_token=self._polygon(stop),
                stop_line_type="PED_CROSSING",
                ped_crossing_tokens=[crossing_token],
                traffic_light_tokens=[],
                road_block_token="",
            )
        for park in street.carparks:
            for part in polygons_of(park.difference(street.junction)):
                token = self._polygon(part)
                self._add("carpark_area", polygon_token=token, orientation=0.0, road_block_token="")

    def _add(self, layer: str, **values: Any) -> str:
        token = make_token(self._scene.name, layer, len(self._layers[layer]))
        self._layers[layer].append({"token": token, **values})
        return token

    def _nodes(self, points: Any) -> list[str]:
        corners = np.array(points)[:, :2]
        pose = self._scene.world2global
        moved = corners @ pose[:2, :2].T + pose[:2, 3]
        return [self._add("node", x=float(x), y=float(y)) for x, y in moved]

    def _line(self, line: LineString) -> str:
        return self._add("line", node_tokens=self._nodes(line.simplify(0.02).coords))

    def _edges(self, area: Polygon) -> dict[str, str]:
        """Return the lines at both ends of a strip: the short sides of its box."""
        corners = np.array(area.minimum_rotated_rectangle.exterior.coords)[:4]
        if np.linalg.norm(corners[1] - corners[0]) > np.linalg.norm(corners[2] - corners[1]):
            corners = np.roll(corners, -1, axis=0)
        return {
            "from_edge_line_token": self._line(LineString(corners[:2])),
            "to_edge_line_token": self._line(LineString(corners[2:])),
        }

    def _polygon(self, polygon: Polygon) -> str:
        polygon = polygon.simplify(0.02)
        return self._add(
            "polygon",
            exterior_node_tokens=self._nodes(polygon.exterior.coords[:-1]),
            holes=[{"node_tokens": self._nodes(r.coords[:-1])} for r in polygon.interiors],
        )


def draw_area(scene: Scene) -> BaseGeometry:
    """Return the drivable area and the sidewalks of a scene, in global coordinates."""
    street, pose = scene.street, scene.world2global
    area = unary_union([street.drivable, street.sidewalks])
    rotation = [pose[0, 0], pose[0, 1], pose[1, 0], pose[1, 1], pose[0, 3], pose[1, 3]]
    return affinity.affine_transform(area, rotation)


def write_maps(
    root: Path, scenes: Sequence[tuple[Record, MapLayers, BaseGeometry]]
) -> list[Record]:
    """Write the vector maps and the masks of all locations.

    Args:
        root: Folder of the data set.
        scenes: Per scene its record of the log table, its layers and its area.

    Returns:
        Records of the table ``map``.
    """
    (root / "maps" / "expansion").mkdir(parents=True, exist_ok=True)
    records = []
    for location in LOCATIONS:
        here = [scene for scene in scenes if scene[0]["location"] == location]
        content: dict[str, Any] = {"version": "1.3", "canvas_edge": [CANVAS, CANVAS]}
        for name in _LAYERS:
            content[name] = [record for _, layers, _ in here for record in layers.get(name, [])]
        content |= {"arcline_path_3": {}, "connectivity": {}}
        path = root / "maps" / "expansion" / f"{location}.json"
        write_whole(path, json.dumps(content).encode())
        token = make_token("map", location)
        filename = f"maps/{token}.png"
        write_image(root / filename, _rasterize([area for _, _, area in here]))
        logs = [log["token"] for log, _, _ in here]
        record = {"token": token, "category": "semantic_prior", "filename": filename}
        records.append({**record, "log_tokens": logs})
    return records


def _rasterize(areas: Sequence[BaseGeometry]) -> Any:
    """Return a mask, 0.1 m per px, 255 inside, shape (H, W); the last row is y = 0."""
    cells = round(CANVAS / RESOLUTION)
    mask = np.zeros((cells, cells), np.uint8)
    for area in areas:
        for polygon in polygons_of(area):
            rings = [(polygon.exterior, 255), *((ring, 0) for ring in polygon.interiors)]
            for ring, value in rings:
                corners = np.round(np.array(ring.coords)[:, :2] / RESOLUTION).astype(np.int32)
                cv2.fillPoly(mask, [corners], [value])
    return mask[::-1]
