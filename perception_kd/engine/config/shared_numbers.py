"""Numbers that several parts of a config must agree on: ranges, cells and channels."""

import inspect
import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from mmengine import Config

from perception_kd.datasets.pipeline import list_steps
from perception_kd.engine.config.overrides import walk_settings
from perception_kd.registry import MODELS

Number = tuple[str, str, Any]  # what is compared, where it is written, its value
_LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")


def check_shared_numbers(cfg: Config) -> None:
    """Check that a network and its data agree on ranges, cells and channels.

    Networks of other parts than this project's configs have are not checked.

    Args:
        cfg: Config of a run.

    Raises:
        ValueError: If a number has several values, or a map cannot be halved as often
            as the network does.
    """
    try:
        found = find_disagreements(cfg)
    except (LookupError, TypeError, ValueError, AttributeError):
        return
    if not found:
        return
    quantity, places = next(iter(found.items()))
    listed = ", ".join(f"{value} in {place}" for place, value in places.items())
    others = f" (as {', '.join(list(found)[1:])} do)" if len(found) > 1 else ""
    raise ValueError(
        f"{quantity} must be the same everywhere, but is {listed}{others}; set all of them, in the "
        "config or with --cfg-options."
    )


def find_disagreements(cfg: Config) -> dict[str, dict[str, Any]]:
    """Return the quantities with more than one value in a config, and their places.

    Args:
        cfg: Config of a run.
    """
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for quantity, place, value in (*_numbers_of_model(cfg.model), *_numbers_of_data(cfg)):
        found[quantity][place] = tuple(value) if isinstance(value, list) else value
    return {what: places for what, places in found.items() if len(set(places.values())) > 1}


def _numbers_of_model(model: dict[str, Any]) -> Iterator[Number]:
    """Yield the numbers of a network with a BEV map; nothing without one."""
    if "pts_middle_encoder" in model:
        yield from _numbers_of_lidar(model)
    if "view_transform" in model:
        yield from _numbers_of_cameras(model)
    yield from _numbers_of_maps(model)
    yield from _numbers_of_channels(model)


def _horizontal(point_cloud_range: Any) -> tuple[float, ...]:
    return (*point_cloud_range[:2], *point_cloud_range[3:5])


def _numbers_of_lidar(model: dict[str, Any]) -> Iterator[Number]:
    voxelizer, middle = model["pts_voxelizer"], _arguments(model["pts_middle_encoder"])
    reach, size = list(voxelizer["point_cloud_range"]), list(voxelizer["voxel_size"])
    yield "range of points", "pts_voxelizer", reach
    yield "x and y of BEV maps", "pts_voxelizer", _horizontal(reach)
    yield "size of voxels", "pts_voxelizer", size
    encoder = model.get("pts_voxel_encoder", {})
    if "voxel_size" in encoder:
        yield "size of voxels", "pts_voxel_encoder", list(encoder["voxel_size"])
        yield "range of points", "pts_voxel_encoder", list(encoder["point_cloud_range"])
        yield "channels of pillars", "pts_voxel_encoder", encoder["feat_channels"][-1]
        yield "channels of pillars", "pts_middle_encoder", middle["in_channels"]
    yield from _whole_maps(model, reach, size)
    cells = tuple(round((reach[a + 3] - reach[a]) / size[a]) for a in (1, 0))
    shape = middle["output_shape"] if "output_shape" in middle else middle["sparse_shape"][1:]
    yield "grid of voxels", "pts_voxelizer", cells
    yield "grid of voxels", "pts_middle_encoder", tuple(shape)
    if "sparse_shape" in middle:  # one more cell along z than voxels
        yield "voxels along z", "pts_voxelizer", round((reach[5] - reach[2]) / size[2])
        yield "voxels along z", "pts_middle_encoder", middle["sparse_shape"][0] - 1
    stride, channels = _map_of_encoder(middle)
    if "pts_backbone" in model:
        yield from _numbers_of_levels(model, "pts", channels)
        upsampling = _arguments(model["pts_neck"])["upsample_strides"]
        stride *= _arguments(model["pts_backbone"])["layer_strides"][0] / upsampling[0]
    yield "cell of BEV maps", "pts_neck", round(size[0] * stride, 6)


def _whole_maps(model: dict[str, Any], reach: list[float], size: list[float]) -> Iterator[Number]:
    """Yield the number of voxels, and what the strides of the network make of it."""
    strides = _arguments(model["pts_backbone"])["layer_strides"] if "pts_backbone" in model else []
    total = math.prod(strides) * _map_of_encoder(_arguments(model["pts_middle_encoder"]))[0]
    for axis, name in enumerate("xy"):
        cells = (reach[axis + 3] - reach[axis]) / size[axis]
        whole = f"voxels along {name}, a multiple of {total:g}"
        yield whole, "range / voxel_size", round(cells, 3)
        yield whole, "nearest that fits", float(round(cells / total) * total)


def _map_of_encoder(middle: dict[str, Any]) -> tuple[float, int]:
    """Return the stride of a middle encoder's map in voxels, and its channels."""
    if "sparse_shape" not in middle:
        return 1, middle["in_channels"]
    stages, cells = len(middle["encoder_channels"]), middle["sparse_shape"][0]
    for paddings in middle["encoder_paddings"][: stages - 1]:
        padding = paddings[-1] if isinstance(paddings[-1], int) else paddings[-1][0]
        cells = (cells + 2 * padding - 3) // 2 + 1
    return 2 ** (stages - 1), ((cells - 3) // 2 + 1) * middle["output_channels"]


def _numbers_of_levels(model: dict[str, Any], prefix: str, channels: int) -> Iterator[Number]:
    backbone, neck = _arguments(model[f"{prefix}_backbone"]), _arguments(model[f"{prefix}_neck"])
    yield f"channels into {prefix}_backbone", "before", channels
    yield f"channels into {prefix}_backbone", "inside", backbone["in_channels"]
    yield f"channels of {prefix}_backbone", "backbone", list(backbone["out_channels"])
    yield f"channels of {prefix}_backbone", "neck", list(neck["in_channels"])
    for level, upsampling in enumerate(neck["upsample_strides"]):
        stride = math.prod(backbone["layer_strides"][: level + 1]) / upsampling
        yield f"stride of {prefix}_neck", f"level {level}", stride


def _numbers_of_cameras(model: dict[str, Any]) -> Iterator[Number]:
    lift = _arguments(model["view_transform"])
    cell = round(lift["cell_size"] * lift["downsample"], 6)
    yield "x and y of BEV maps", "view_transform", _horizontal(lift["point_cloud_range"])
    yield "cell of BEV maps", "view_transform", cell
    yield "channels into view_transform", "img_neck", model["img_neck"]["out_channels"]
    yield "channels into view_transform", "inside", lift["in_channels"]


def _numbers_of_maps(model: dict[str, Any]) -> Iterator[Number]:
    grids = {key: model[key] for key in ("grid", "pts_bbox_head", "pts_head") if key in model}
    for place, grid in grids.items():
        if "cell_size" in grid:
            yield "cell of BEV maps", place, round(grid["cell_size"], 6)
            yield "range of points", place, list(grid["point_cloud_range"])
            yield "x and y of BEV maps", place, _horizontal(grid["point_cloud_range"])
    if "map_head" in model:
        yield "cell of BEV maps", "map_head", model["map_head"]["in_cell_size"]
        yield "x and y of BEV maps", "map_head", _horizontal(model["map_head"]["in_range"])


def _numbers_of_channels(model: dict[str, Any]) -> Iterator[Number]:
    """Yield the channels of the maps, and what reads them."""
    maps: dict[str, int] = {}
    if "view_transform" in model:
        maps["img"] = model["view_transform"]["out_channels"]
    if "pts_neck" in model:
        maps["pts"] = sum(model["pts_neck"]["out_channels"])
    elif "pts_middle_encoder" in model:
        maps["pts"] = _map_of_encoder(_arguments(model["pts_middle_encoder"]))[1]
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
        yield from _numbers_of_decoder(model, maps)


def _numbers_of_decoder(model: dict[str, Any], maps: dict[str, int]) -> Iterator[Number]:
    channels = next(iter(maps.values()))
    if "fuser" in model:
        yield "channels into fuser", "networks", list(maps.values())
        yield "channels into fuser", "inside", list(model["fuser"]["in_channels"])
        channels = model["fuser"]["out_channels"]
    if "bev_backbone" in model:
        yield from _numbers_of_levels(model, "bev", channels)
        channels = sum(model["bev_neck"]["out_channels"])
    for head in ("pts_bbox_head", "map_head", "pts_head"):
        if "in_channels" in model.get(head, {}):
            yield f"channels into {head}", "network", channels
            yield f"channels into {head}", "inside", model[head]["in_channels"]


def _numbers_of_data(cfg: Config) -> Iterator[Number]:
    """Yield the ranges of the pipelines, and the grids of map labels."""
    has_map = any(key in cfg.model for key in ("grid", "pts_bbox_head", "map_head"))
    for loader in _LOADERS if has_map else ():
        for dataset in walk_settings((cfg.get(loader) or {}).get("dataset")):
            for step in list_steps(dataset.get("pipeline", ())):
                place = f"{loader} {step['type']}"
                if step["type"] == "LoadBEVMasks":
                    yield "grid of labels", place, (step["cell_size"], *step["point_cloud_range"])
                elif "point_cloud_range" in step:
                    yield "range of points", place, list(step["point_cloud_range"])
    if "map_head" in cfg.model:
        head = cfg.model.map_head
        yield "grid of labels", "map_head", (head["out_cell_size"], *head["out_range"])


def _arguments(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that a part is built with, its defaults included."""
    parameters = inspect.signature(MODELS.get(settings["type"])).parameters
    return {key: p.default for key, p in parameters.items()} | dict(settings)
