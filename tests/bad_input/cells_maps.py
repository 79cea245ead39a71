"""Vector maps of map segmentation."""

import json
from pathlib import Path
from typing import Any

from perception_kd.datasets.nuscenes.maps import VectorMap
from tests.bad_input import damage
from tests.bad_input.table import refused

MAP, PLACE = "map", "boston-seaport"
LAYERS = [
    *("polygon", "line", "node", "drivable_area", "road_segment", "road_block", "lane"),
    *("ped_crossing", "walkway", "stop_line", "carpark_area", "road_divider", "lane_divider"),
    *("traffic_light", "lane_connector"),
]


def make_content() -> Any:
    """A map with one square as its drivable area."""
    corners = [(0, 0), (9, 0), (9, 9), (0, 9)]
    content: dict[str, Any] = {name: [] for name in LAYERS}
    content["node"] = [{"token": f"n{i}", "x": x, "y": y} for i, (x, y) in enumerate(corners)]
    outline = [node["token"] for node in content["node"]]
    content["polygon"] = [{"token": "p", "exterior_node_tokens": outline, "holes": []}]
    content["drivable_area"] = [{"token": "d", "polygon_tokens": ["p"]}]
    others = {"version": "1.3", "canvas_edge": [10, 10], "arcline_path_3": {}, "connectivity": {}}
    return content | others


def read(folder: Path, content: Any, harm: damage.Damage = damage.spare) -> VectorMap:
    path = folder / "maps" / "expansion" / f"{PLACE}.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(content))
    harm(path)
    return VectorMap.read(folder, PLACE)


@refused(MAP, "missing", "where to unpack it", r"No map at .*boston", FileNotFoundError)
def _(folder: Path) -> None:
    assert len(read(folder / "whole", make_content()).layers["drivable_area"]) == 1
    read(folder, make_content(), damage.remove)


@refused(MAP, "empty", "where to unpack it", r"boston-seaport\.json is not a map")
def _(folder: Path) -> None:
    read(folder, make_content(), damage.clear)


@refused(MAP, "truncated", "where to unpack it", r"boston-seaport\.json is not a map")
def _(folder: Path) -> None:
    read(folder, make_content(), damage.cut)


@refused(MAP, "garbage", "where to unpack it", r"boston-seaport\.json is not a map")
def _(folder: Path) -> None:
    read(folder, make_content(), damage.scramble)


@refused(MAP, "wrong shape", "what is missing", r"boston-seaport\.json is not a map .*walkway")
def _(folder: Path) -> None:
    content = make_content()
    del content["walkway"]
    read(folder, content)


@refused(MAP, "wrong dtype", "the value", r"boston-seaport\.json is not a map .*'here'")
def _(folder: Path) -> None:
    content = make_content()
    content["node"][1]["x"] = "here"
    read(folder, content)


@refused(MAP, "NaN/inf", "coordinates that are not finite", r"seaport\.json .* a node is at NaN or")
def _(folder: Path) -> None:
    content = make_content()
    content["node"][1]["x"] = float("nan")
    read(folder, content)


@refused(MAP, "huge", "a file above 1 GiB", r"boston-seaport\.json has 1,099,511,627,776 bytes")
def _(folder: Path) -> None:
    read(folder, make_content(), damage.blow_up)


@refused(MAP, "later version", "maps other than 1.3", r"seaport\.json .* version is '2\.0', but")
def _(folder: Path) -> None:
    read(folder, make_content() | {"version": "2.0"})


@refused(MAP, "coordinates as text", "the value", r"seaport\.json .* x or y of a node must be a nu")
def _(folder: Path) -> None:
    content = make_content()
    for node in content["node"]:
        node["x"] = str(node["x"])
    read(folder, content)


@refused(MAP, "other version", "maps before 1.3", r"seaport\.json is not a map .*outdated map ver")
def _(folder: Path) -> None:
    read(folder, make_content() | {"version": "1.0"})


@refused(
    MAP, "other data set", "a location without a map", r"No map at .*my-town", FileNotFoundError
)
def _(folder: Path) -> None:
    VectorMap.read(folder, "my-town")


@refused(
    MAP, "no drivable area", "the path", r"seaport\.json has no valid polygon of drivable_area"
)
def _(folder: Path) -> None:
    read(folder, make_content() | {"drivable_area": []})


@refused(MAP, "reference to nothing", "what is missing", r"boston-seaport\.json is not a map .*n7")
def _(folder: Path) -> None:
    content = make_content()
    content["polygon"][0]["exterior_node_tokens"][0] = "n7"
    read(folder, content)
