"""CenterPoint's head on a bird's-eye-view map."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from mmdet3d.models.dense_heads import CenterHead
from mmengine.structures import InstanceData
from torch import Tensor, nn

from perception_kd.geometry.bev_grid import BEVGrid
from perception_kd.registry import MODELS

# Classes that share a branch, and the squared radius in m^2 in which circle NMS lets a
# branch find one center; both as published for nuScenes.
NUSCENES_TASKS = (
    (("car",), 4.0),
    (("truck", "construction_vehicle"), 12.0),
    (("bus", "trailer"), 10.0),
    (("barrier",), 1.0),
    (("motorcycle", "bicycle"), 0.85),
    (("pedestrian", "traffic_cone"), 0.175),
)
# Squared radius in m^2 of circle NMS for classes that nuScenes does not have.
_OTHER_RADIUS = 1.0
# Reach in m beyond the grid in which the offset from a cell may put a center.
_MARGIN = 10.0


@MODELS.register_module()
class BEVCenterHead(CenterHead):
    """mmdet3d's CenterHead with a single definition of its grid and of its classes.

    CenterHead has its grid in three places (box coder, training and testing) and does
    not see where they differ. Here all follow from a range and the size of a cell; what
    is left to choose has CenterPoint's published values [1].

    Classes of one task share a branch, in which they compete for a center. By default,
    these are neighbors in ``classes`` that nuScenes' tasks have together, such as
    "truck" and "construction_vehicle"; a class that nuScenes does not have has a
    branch of its own.

    Convention: a map is (B, C, Y, X) as everywhere; the target of a box lies in the
    cell that holds its center, with the offset from the cell's lower ends in cells.

    - [1] Center-based 3D Object Detection and Tracking, 2021,
      https://arxiv.org/abs/2006.11275

    Args:
        in_channels: C of the map.
        point_cloud_range: (x_min, y_min, z_min, x_max, y_max, z_max) of the map in m.
        cell_size: Edge of a cell of the map in m: 0.8 for CenterPoint's (stride 8 of
            0.1 m voxels, stride 4 of 0.2 m pillars).
        classes: Names of the classes in the order of their labels, which is that of
            ``metainfo.classes`` of the data; None means nuScenes' ten.
        tasks: Classes of each task, in that order; None groups them as above.
        share_conv_channel: Channels of the convolution before the branches.
        head_channels: Channels inside a branch.
        num_convs: Convolutions of a branch; with one it has no inside.
        nms_type: "rotate" for overlap of boxes, "circle" for distance of centers.
        norm_bbox: Whether sizes of boxes are learned as logarithms.
        train_cfg: Settings of the targets that differ from the published ones.
        test_cfg: Settings of decoding and NMS that differ.

    Raises:
        ValueError: If the cells do not tile the range, ``nms_type`` is neither, a class
            occurs twice, or ``tasks`` have other classes than ``classes``.
    """

    def __init__(
        self,
        in_channels: int,
        point_cloud_range: Sequence[float],
        cell_size: float,
        classes: Sequence[str] | None = None,
        tasks: Sequence[Sequence[str]] | None = None,
        share_conv_channel: int = 64,
        head_channels: int = 64,
        num_convs: int = 2,
        nms_type: str = "rotate",
        norm_bbox: bool = True,
        train_cfg: Mapping[str, Any] | None = None,
        test_cfg: Mapping[str, Any] | None = None,
    ) -> None:
        if nms_type not in ("rotate", "circle"):
            raise ValueError(f'nms_type must be "rotate" or "circle", but got "{nms_type}".')
        self.grid = BEVGrid(tuple(point_cloud_range), cell_size)
        groups = _choose_tasks(classes, tasks)
        decoding = _decoding(self.grid, nms_type, groups) | dict(test_cfg or {})
        branches = dict(reg=2, height=1, dim=3, rot=2, vel=2)
        super().__init__(
            in_channels=in_channels,
            tasks=[dict(num_class=len(names), class_names=list(names)) for names in groups],
            bbox_coder=_coder(self.grid, decoding),
            common_heads={name: (channels, num_convs) for name, channels in branches.items()},
            num_heatmap_convs=num_convs,
            share_conv_channel=share_conv_channel,
            separate_head=dict(
                type="SeparateHead",
                init_bias=-2.19,
                final_kernel=3,
                # SeparateHead takes this for the last convolution's input in any case.
                head_conv=head_channels if num_convs > 1 else share_conv_channel,
            ),
            loss_cls=dict(type="mmdet.GaussianFocalLoss", reduction="mean"),
            loss_bbox=dict(type="mmdet.L1Loss", reduction="mean", loss_weight=0.25),
            norm_bbox=norm_bbox,
            train_cfg=_targets(self.grid) | dict(train_cfg or {}),
            test_cfg=decoding,
        )

    def init_weights(self) -> None:
        """Initialize, with heatmaps that start near 0.1.

        mmengine does not look into the plain list of branches: CenterHead's training
        starts from scores of 0.5 in every cell. Their own ``init_weights`` would draw
        the last weights by the number of classes, and so logits in the tens.
        """
        super().init_weights()
        for branches in self.task_heads:
            nn.init.constant_(branches.heatmap[-1].bias, branches.init_bias)

    def forward_single(self, x: Tensor) -> list[dict[str, Tensor]]:
        """Return the maps of each task in float32, also under autocast.

        The heatmap's loss takes log(1 - p + 1e-12), which in half precision is log 0
        for a sure score: a NaN where there is a box.

        Args:
            x: Shape (B, C, Y, X).
        """
        tasks = super().forward_single(x)
        return [{name: maps.float() for name, maps in task.items()} for task in tasks]

    def get_targets(self, batch_gt_instances_3d: list[InstanceData]) -> tuple[list[Tensor], ...]:
        """Return the targets of all tasks, drawn on the CPU.

        mmdet3d draws one box after the other, with numbers that the CPU has to know: on
        a GPU it would wait for a dozen of them per box.

        Args:
            batch_gt_instances_3d: ``bboxes_3d`` and ``labels_3d`` of each sample, on
                any device.

        Returns:
            Heatmaps, boxes, indices and masks on the head's device, each a list over
            the tasks.
        """
        device = next(self.parameters()).device
        targets = super().get_targets([boxes.to("cpu") for boxes in batch_gt_instances_3d])
        return tuple([target.to(device) for target in of_tasks] for of_tasks in targets)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in the order of their labels."""
        return tuple(name for names in self.class_names for name in names)


def _choose_tasks(
    classes: Sequence[str] | None, tasks: Sequence[Sequence[str]] | None
) -> list[tuple[str, ...]]:
    """Return the classes of each task."""
    if classes is None and tasks is None:
        return [names for names, _ in NUSCENES_TASKS]
    in_tasks = None if tasks is None else [name for names in tasks for name in names]
    every = in_tasks if classes is None else list(classes)
    if not every or len(set(every)) < len(every):
        raise ValueError(f"classes must be names, each once, but got {every}.")
    if tasks is None:
        return _group_neighbors(every)
    if in_tasks != every or not all(tasks):
        raise ValueError(
            f"tasks must have all classes {every} in this order, and each task some of them, but "
            f"got {[list(names) for names in tasks]}."
        )
    return [tuple(names) for names in tasks]


def _group_neighbors(classes: Sequence[str]) -> list[tuple[str, ...]]:
    """Group neighbors that nuScenes' tasks have together."""
    task_of = {name: i for i, (names, _) in enumerate(NUSCENES_TASKS) for name in names}
    groups = itertools.groupby(classes, key=lambda name: task_of.get(name, name))
    return [tuple(group) for _, group in groups]


def _targets(grid: BEVGrid) -> dict[str, Any]:
    rows, columns = grid.shape
    return dict(
        grid_size=[columns, rows, 1],
        point_cloud_range=list(grid.point_cloud_range),
        voxel_size=[grid.cell_size] * 2,
        out_size_factor=1,
        dense_reg=1,
        max_objs=500,
        gaussian_overlap=0.1,
        min_radius=2,
        code_weights=[1.0] * 8 + [0.2, 0.2],
    )


def _decoding(grid: BEVGrid, nms_type: str, tasks: Sequence[Sequence[str]]) -> dict[str, Any]:
    radius_of = {name: radius for names, radius in NUSCENES_TASKS for name in names}
    x_min, y_min, _, x_max, y_max, _ = grid.point_cloud_range
    lower, upper = [x_min - _MARGIN, y_min - _MARGIN], [x_max + _MARGIN, y_max + _MARGIN]
    return dict(
        post_center_limit_range=[*lower, -10.0, *upper, 10.0],
        score_threshold=0.1,
        nms_type=nms_type,
        min_radius=[radius_of.get(names[0], _OTHER_RADIUS) for names in tasks],
        nms_thr=0.2,
        pre_max_size=1000,
        post_max_size=83,
    )


def _coder(grid: BEVGrid, decoding: Mapping[str, Any]) -> dict[str, Any]:
    rows, columns = grid.shape
    return dict(
        type="CenterPointBBoxCoder",
        pc_range=list(grid.point_cloud_range[:2]),
        voxel_size=[grid.cell_size] * 2,
        out_size_factor=1,
        post_center_range=decoding["post_center_limit_range"],
        score_threshold=decoding["score_threshold"],
        max_num=min(500, rows * columns),
        code_size=9,
    )
