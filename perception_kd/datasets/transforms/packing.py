"""Pack the arrays of a sample as tensors and a data sample."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmdet3d.structures import Det3DDataSample, PointData
from mmengine.structures import InstanceData, PixelData
from numpy.typing import NDArray
from torch import Tensor

from perception_kd.datasets.transforms.base import RandomTransform
from perception_kd.registry import TRANSFORMS
from perception_kd.structures import PackedInputs, PackedSample, Sample

META_KEYS = (
    "sample_token",
    "scene_token",
    "scene_name",
    "cam_names",
    "lidar_token",
    "lidar_path",
    "point_layout",
    "original_points",
    "seed",
    "box_classes",
    "map_classes",
    "teacher_cache",
)


@TRANSFORMS.register_module()
class DrawSeed(RandomTransform[int]):
    """Draw a seed for a model that has to draw over the whole batch, as PPKT does.

    Reads: nothing. Writes: ``seed``.
    """

    def draw(self, sample: Sample, rng: np.random.Generator) -> int:
        """Return the seed."""
        return int(rng.integers(2**31))

    def apply(self, sample: Sample, params: int) -> Sample:
        """Return the sample with the seed."""
        return {**sample, "seed": params}


@TRANSFORMS.register_module()
class PackInputs:
    """Pack a sample as tensors and a data sample; the last step of a pipeline.

    Reads, each where present: ``points``, ``imgs``, ``lidar2cam``, ``cam2img``,
    ``img_aug_matrix``, ``lidar_aug_matrix``, ``superpixels``, ``pairing_*``,
    ``cloud_views``, ``region_ids``, ``sampled_points``, ``superpixel_feats``,
    ``teacher_maps``, ``pts_semantic_mask``, ``gt_bboxes_3d``, ``gt_labels_3d``,
    ``gt_bev_masks`` and the meta keys. Writes: ``inputs``, ``data_samples`` of
    ``docs/sample.md``, and nothing else.

    Args:
        meta_keys: Keys that are copied to the data sample where present; arrays become
            tensors.
    """

    def __init__(self, meta_keys: Sequence[str] = META_KEYS) -> None:
        self.meta_keys = tuple(meta_keys)

    def __call__(self, sample: Sample) -> PackedSample:
        """Return ``inputs`` and ``data_samples``.

        Raises:
            ValueError: If there is no image, the images or the superpixels differ in
                size, or ``points`` are no longer the first of ``cloud_views``.
        """
        inputs: PackedInputs = {}
        if "points" in sample:
            inputs["points"] = _to_tensor(sample["points"], np.float32)
        if "imgs" in sample:
            imgs = _stack("imgs", sample["imgs"], np.uint8)
            inputs["imgs"] = imgs.permute(0, 3, 1, 2).contiguous()
            inputs.update(_pack_cameras(sample))
        if "superpixels" in sample:
            inputs["superpixels"] = _stack("superpixels", sample["superpixels"], np.int32)
        if "pairing_points" in sample:
            inputs["pairing_points"] = _to_tensor(sample["pairing_points"], np.int64)
            inputs["pairing_images"] = _to_tensor(sample["pairing_images"], np.int64)
        if "sampled_points" in sample:
            inputs["sampled_points"] = _to_tensor(sample["sampled_points"], np.int64)
        if "cloud_views" in sample:
            inputs["cloud_views"] = _pack_copies(sample)
        if "region_ids" in sample:
            inputs["region_ids"] = _to_tensor(sample["region_ids"], np.int32)
        if "superpixel_feats" in sample:
            inputs["superpixel_feats"] = _to_tensor(sample["superpixel_feats"], np.float16)
        if "teacher_maps" in sample:
            inputs["teacher_maps"] = _to_tensor(sample["teacher_maps"], np.float16)
        return {"inputs": inputs, "data_samples": self._pack_data_sample(sample)}

    def _pack_data_sample(self, sample: Sample) -> Any:
        values: Mapping[str, object] = sample
        metainfo = {key: _as_meta(values[key]) for key in self.meta_keys if key in values}
        data_sample = Det3DDataSample(metainfo=metainfo)
        if "pts_semantic_mask" in sample:
            labels = _to_tensor(sample["pts_semantic_mask"], np.int64)
            data_sample.gt_pts_seg = PointData(pts_semantic_mask=labels)
        if "gt_bboxes_3d" in sample:
            data_sample.gt_instances_3d = InstanceData(
                bboxes_3d=sample["gt_bboxes_3d"],
                labels_3d=_to_tensor(sample["gt_labels_3d"], np.int64),
            )
        if "gt_bev_masks" in sample:
            data_sample.gt_bev_seg = PixelData(masks=_to_tensor(sample["gt_bev_masks"], np.uint8))
        return data_sample


def _as_meta(value: object) -> object:
    # Workers send tensors through shared memory, but arrays through a pipe. A message
    # larger than its buffer would keep the worker of a killed training waiting forever.
    return torch.from_numpy(value) if isinstance(value, np.ndarray) else value


def _pack_copies(sample: Sample) -> list[Tensor]:
    """Pack the copies, whose rows are those of all that belongs to ``points``."""
    copies = [_to_tensor(copy, np.float32) for copy in sample["cloud_views"]]
    if not torch.equal(copies[0], _to_tensor(sample["points"], np.float32)):
        raise ValueError(
            "points must be the first of cloud_views, but got others; put MakeCloudViews after "
            "all steps that move, drop or shuffle points."
        )
    return copies


def _pack_cameras(sample: Sample) -> PackedInputs:
    """Pack the matrices that map the current points to the current images."""
    if "lidar2cam" not in sample:
        return {}
    unmoved = np.tile(np.eye(3), (len(sample["imgs"]), 1, 1))
    return {
        "lidar2cam": _to_tensor(sample["lidar2cam"], np.float32),
        "cam2img": _to_tensor(sample["cam2img"], np.float32),
        "img_aug_matrix": _to_tensor(sample.get("img_aug_matrix", unmoved), np.float32),
        "lidar_aug_matrix": _to_tensor(sample.get("lidar_aug_matrix", np.eye(4)), np.float32),
    }


def _to_tensor(array: NDArray[np.generic], dtype: type[np.generic]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=dtype))


def _stack(name: str, arrays: Sequence[NDArray[np.generic]], dtype: type[np.generic]) -> Tensor:
    if not arrays:
        raise ValueError(
            f"{name} is empty; select cameras in the dataset, or remove LoadImages from the "
            "pipeline."
        )
    sizes = sorted({array.shape[:2] for array in arrays})
    if len(sizes) > 1:
        raise ValueError(
            f"{name} of a sample must have the same size to be packed, but have {sizes}; add "
            "RandomResizedCrop or ResizeImages to the pipeline."
        )
    return _to_tensor(np.stack(arrays), dtype)
