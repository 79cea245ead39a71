"""Numbers that two parts of a config must agree on: ranges, cells and channels."""

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from mmengine import Config

from perception_kd.datasets.pipeline import list_steps
from tests.fake_data.prepared import dicts_of
from tests.test_config_names import arguments
from tests.test_configs import CONFIGS, LEAVES, LOADERS, name

Number = tuple[str, str, Any]  # what is compared, where it is written, its value


def find_disagreements(cfg: Config) -> dict[str, dict[str, Any]]:
    """Return what has more than one value in a config, with the places of each."""
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for quantity, place, value in (*numbers_of_model(cfg.model), *numbers_of_data(cfg)):
        found[quantity][place] = tuple(value) if isinstance(value, list) else value
    return {what: places for what, places in found.items() if len(set(places.values())) > 1}


def numbers_of_model(model: dict[str, Any]) -> Iterator[Number]:
    """Yield the numbers of a network with a BEV map; nothing without one."""
    if "pts_middle_encoder" in model:
        yield from numbers_of_lidar(model)
    if "view_transform" in model:
        yield from numbers_of_cameras(model)
    yield from numbers_of_maps(model)
    yield from numbers_of_channels(model)


def horizontal(point_cloud_range: Any) -> tuple[float, ...]:
    return (*point_cloud_range[:2], *point_cloud_range[3:5])


def numbers_of_lidar(model: dict[str, Any]) -> Iterator[Number]:
    voxelizer, middle = model["pts_voxelizer"], arguments(model["pts_middle_encoder"])
    reach, size = list(voxelizer["point_cloud_range"]), list(voxelizer["voxel_size"])
    yield "range of points", "pts_voxelizer", reach
    yield "x and y of BEV maps", "pts_voxelizer", horizontal(reach)
    yield "size of voxels", "pts_voxelizer", size
    encoder = model.get("pts_voxel_encoder", {})
    if "voxel_size" in encoder:
        yield "size of voxels", "pts_voxel_encoder", list(encoder["voxel_size"])
        yield "range of points", "pts_voxel_encoder", list(encoder["point_cloud_range"])
        yield "channels of pillars", "pts_voxel_encoder", encoder["feat_channels"][-1]
        yield "channels of pillars", "pts_middle_encoder", middle["in_channels"]
    cells = tuple(round((reach[a + 3] - reach[a]) / size[a]) for a in (1, 0))
    shape = middle["output_shape"] if "output_shape" in middle else middle["sparse_shape"][1:]
    yield "grid of voxels", "pts_voxelizer", cells
    yield "grid of voxels", "pts_middle_encoder", tuple(shape)
    if "sparse_shape" in middle:  # one more cell along z than voxels
        yield "voxels along z", "pts_voxelizer", round((reach[5] - reach[2]) / size[2])
        yield "voxels along z", "pts_middle_encoder", middle["sparse_shape"][0] - 1
    stride, channels = map_of_encoder(middle)
    if "pts_backbone" in model:
        yield from numbers_of_levels(model, "pts", channels)
        upsampling = arguments(model["pts_neck"])["upsample_strides"]
        stride *= arguments(model["pts_backbone"])["layer_strides"][0] / upsampling[0]
    yield "cell of BEV maps", "pts_neck", round(size[0] * stride, 6)


def map_of_encoder(middle: dict[str, Any]) -> tuple[float, int]:
    """Return the stride of a middle encoder's map in voxels, and its channels."""
    if "sparse_shape" not in middle:
        return 1, middle["in_channels"]
    stages, cells = len(middle["encoder_channels"]), middle["sparse_shape"][0]
    for paddings in middle["encoder_paddings"][: stages - 1]:
        padding = paddings[-1] if isinstance(paddings[-1], int) else paddings[-1][0]
        cells = (cells + 2 * padding - 3) // 2 + 1
    return 2 ** (stages - 1), ((cells - 3) // 2 + 1) * middle["output_channels"]


def numbers_of_levels(model: dict[str, Any], prefix: str, channels: int) -> Iterator[Number]:
    backbone, neck = arguments(model[f"{prefix}_backbone"]), arguments(model[f"{prefix}_neck"])
    yield f"channels into {prefix}_backbone", "before", channels
    yield f"channels into {prefix}_backbone", "inside", backbone["in_channels"]
    yield f"channels of {prefix}_backbone", "backbone", list(backbone["out_channels"])
    yield f"channels of {prefix}_backbone", "neck", list(neck["in_channels"])
    for level, upsampling in enumerate(neck["upsample_strides"]):
        stride = math.prod(backbone["layer_strides"][: level + 1]) / upsampling
        yield f"stride of {prefix}_neck", f"level {level}", stride


def numbers_of_cameras(model: dict[str, Any]) -> Iterator[Number]:
    lift = arguments(model["view_transform"])
    cell = round(lift["cell_size"] * lift["downsample"], 6)
    yield "x and y of BEV maps", "view_transform", horizontal(lift["point_cloud_range"])
    yield "cell of BEV maps", "view_transform", cell
    yield "channels into view_transform", "img_neck", model["img_neck"]["out_channels"]
    yield "channels into view_transform", "inside", lift["in_channels"]


def numbers_of_maps(model: dict[str, Any]) -> Iterator[Number]:
    grids = {key: model[key] for key in ("grid", "pts_bbox_head", "pts_head") if key in model}
    for place, grid in grids.items():
        if "cell_size" in grid:
            yield "cell of BEV maps", place, round(grid["cell_size"], 6)
            yield "range of points", place, list(grid["point_cloud_range"])
            yield "x and y of BEV maps", place, horizontal(grid["point_cloud_range"])
    if "map_head" in model:
        yield "cell of BEV maps", "map_head", model["map_head"]["in_cell_size"]
        yield "x and y of BEV maps", "map_head", horizontal(model["map_head"]["in_range"])


def numbers_of_channels(model: dict[str, Any]) -> Iterator[Number]:
    """Yield the channels of the maps, and what reads them."""
    maps: dict[str, int] = {}
    if "view_transform" in model:
        maps["img"] = model["view_transform"]["out_channels"]
    if "pts_neck" in model:
        maps["pts"] = sum(model["pts_neck"]["out_channels"])
    elif "pts_middle_encoder" in model:
        maps["pts"] = map_of_encoder(arguments(model["pts_middle_encoder"]))[1]
    readers = dict(
        img=("img_projector", "img_channels"),
        pts=("pts_projector", "pts_img_projector", "pts_relation_projector", "pts_channels"),
    )
    for sensor, channels in maps.items():
        yield f"channels of {sensor} map", "network", channels
        for place in readers[sensor]:
            reader = model.get(place)
            if reader is not None:
                read = reader if isinstance(reader, int) else reader["in_channels"]
                yield f"channels of {sensor} map", place, read
    if maps:
        yield from numbers_of_decoder(model, maps)


def numbers_of_decoder(model: dict[str, Any], maps: dict[str, int]) -> Iterator[Number]:
    channels = next(iter(maps.values()))
    if "fuser" in model:
        yield "channels into fuser", "networks", list(maps.values())
        yield "channels into fuser", "inside", list(model["fuser"]["in_channels"])
        channels = model["fuser"]["out_channels"]
    if "bev_backbone" in model:
        yield from numbers_of_levels(model, "bev", channels)
        channels = sum(model["bev_neck"]["out_channels"])
    for head in ("pts_bbox_head", "map_head", "pts_head"):
        if "in_channels" in model.get(head, {}):
            yield f"channels into {head}", "network", channels
            yield f"channels into {head}", "inside", model[head]["in_channels"]


def numbers_of_data(cfg: Config) -> Iterator[Number]:
    """Yield the ranges of the pipelines, and the grids of map labels."""
    has_map = any(key in cfg.model for key in ("grid", "pts_bbox_head", "map_head"))
    for loader in LOADERS if has_map else ():
        for dataset in dicts_of(cfg[loader].dataset):
            for step in list_steps(dataset.get("pipeline", ())):
                place = f"{loader} {step['type']}"
                if step["type"] == "LoadBEVMasks":
                    yield "grid of labels", place, (step["cell_size"], *step["point_cloud_range"])
                elif "point_cloud_range" in step:
                    yield "range of points", place, list(step["point_cloud_range"])
    if "map_head" in cfg.model:
        head = cfg.model.map_head
        yield "grid of labels", "map_head", (head["out_cell_size"], *head["out_range"])


@pytest.mark.parametrize("path", LEAVES, ids=name)
def test_numbers_that_parts_share_are_equal(path: Any) -> None:
    assert find_disagreements(Config.fromfile(path)) == {}


FUSION = CONFIGS / "det" / "det_swint-lss_pillar02_8xb4-cyclic-20e_nus.py"
RAD = CONFIGS / "calico" / "rad_swint-lss_pillar02_8xb4-cyclic-20e_nus.py"
MAPS = CONFIGS / "mapseg" / "mapseg_pillar02_8xb4-cyclic-20e_nus.py"
VOXELS = CONFIGS / "det" / "det_voxel01_8xb4-cyclic-20e_nus.py"
FAR = [-60.0, -51.2, -5.0, 51.2, 51.2, 3.0]


@pytest.mark.parametrize(
    ("path", "changed", "value", "quantity"),
    [
        (FUSION, "pts_voxelizer.point_cloud_range", FAR, "range of points"),
        (FUSION, "pts_voxelizer.voxel_size", [0.4, 0.4, 8], "size of voxels"),
        (FUSION, "pts_middle_encoder.output_shape", (256, 256), "grid of voxels"),
        (FUSION, "pts_neck.upsample_strides", [1, 2, 4], "cell of BEV maps"),
        (FUSION, "pts_neck.upsample_strides", [0.5, 1, 1], "stride of pts_neck"),
        (FUSION, "view_transform.downsample", 1, "cell of BEV maps"),
        (FUSION, "view_transform.point_cloud_range", FAR, "x and y of BEV maps"),
        (FUSION, "view_transform.in_channels", 128, "channels into view_transform"),
        (FUSION, "fuser.in_channels", [384, 80], "channels into fuser"),
        (FUSION, "bev_neck.in_channels", [128, 128], "channels of bev_backbone"),
        (FUSION, "pts_bbox_head.in_channels", 256, "channels into pts_bbox_head"),
        (FUSION, "pts_bbox_head.cell_size", 0.4, "cell of BEV maps"),
        (VOXELS, "pts_middle_encoder.sparse_shape", [40, 1024, 1024], "voxels along z"),
        (VOXELS, "pts_backbone.in_channels", 128, "channels into pts_backbone"),
        (RAD, "grid.cell_size", 0.4, "cell of BEV maps"),
        (RAD, "grid.point_cloud_range", FAR, "range of points"),
        (RAD, "img_projector.in_channels", 64, "channels of img map"),
        (MAPS, "map_head.in_cell_size", 0.4, "cell of BEV maps"),
        (MAPS, "map_head.out_cell_size", 0.4, "grid of labels"),
    ],
)
def test_a_number_that_disagrees_is_found(
    path: Any, changed: str, value: Any, quantity: str
) -> None:
    cfg = Config.fromfile(path)
    cfg.merge_from_dict({f"model.{changed}": value})
    assert quantity in find_disagreements(cfg)
