"""Ground truth of map segmentation around the ego vehicle."""

from collections.abc import Sequence

import numpy as np
from mmengine.logging import MMLogger

from perception_kd.datasets.nuscenes.maps import MAP_LAYERS, VectorMap, draw_bev_masks
from perception_kd.datasets.transforms.base import Transform
from perception_kd.geometry.bev_grid import BEVGrid
from perception_kd.registry import TRANSFORMS
from perception_kd.structures import Sample


@TRANSFORMS.register_module()
class LoadBEVMasks(Transform):
    """Rasterize the map around the LiDAR, augmented like the point cloud.

    Put it after the transforms that move points. Each process reads the map of a
    location once, which takes seconds. The first sample without any class is logged.

    Reads: ``location``, ``lidar2ego``, ``ego2global``, ``data_root``, ``sample_token``;
    ``lidar_aug_matrix`` where present. Writes: ``gt_bev_masks``,
    ``map_classes``.

    Args:
        point_cloud_range: Range of the grid in m, as in ``BEVGrid``.
        cell_size: Edge of a cell in m.
        classes: Names of ``MAP_LAYERS``.
        value_at: "center" marks cells whose centers are covered, "corner" draws as the
            devkit does, half a cell off.

    Raises:
        ValueError: If the cells do not divide the range.
    """

    def __init__(
        self,
        point_cloud_range: Sequence[float],
        cell_size: float,
        classes: Sequence[str] = tuple(MAP_LAYERS),
        value_at: str = "center",
    ) -> None:
        self.grid = BEVGrid(tuple(point_cloud_range), cell_size)
        self.classes = tuple(classes)
        self.metainfo = {"map_classes": self.classes}
        self.value_at = value_at
        self._maps: dict[tuple[str, str], VectorMap] = {}
        self._has_logged = False

    def __call__(self, sample: Sample) -> Sample:
        """Return the sample with the masks.

        Raises:
            FileNotFoundError: If the location has no map.
            ValueError: If the info file lacks the location of the sample.
        """
        location = sample.get("location")
        if not location:
            raise ValueError(
                f"The info file has no location for sample {sample['sample_token']}; make it "
                "again with tools/create_data.py nuscenes."
            )
        key = (sample["data_root"], location)
        if key not in self._maps:
            self._maps[key] = VectorMap.read(*key)
        ego2global = sample["ego2global"]
        augmented2lidar = np.linalg.inv(sample.get("lidar_aug_matrix", np.eye(4)))
        masks = draw_bev_masks(
            self._maps[key],
            ego2global @ sample["lidar2ego"] @ augmented2lidar,
            self.grid,
            self.classes,
            # The origin of ego coordinates is on the ground.
            ground_height=float(ego2global[2, 3]),
            value_at=self.value_at,
        )
        if not self._has_logged and not masks.any():
            self._has_logged = True
            MMLogger.get_current_instance().warning(
                f"LoadBEVMasks: no class of the map of {location} is around sample "
                f"{sample['sample_token']}; check its location and ego_pose. Further samples "
                "without any are not logged."
            )
        return {**sample, "gt_bev_masks": masks, "map_classes": self.classes}
