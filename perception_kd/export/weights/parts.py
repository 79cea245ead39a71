"""Parts of a model: those of its network, and those of its training alone."""

from torch import nn

from perception_kd.models.pretrainers.image_to_lidar import ImageToLidarPretrainer

_NETWORK = (
    *("pts_voxelizer", "pts_voxel_encoder", "pts_middle_encoder", "pts_backbone", "pts_neck"),
    *("img_backbone", "img_neck", "view_transform", "fuser", "bev_backbone", "bev_neck"),
)
_TASK_HEADS = ("pts_bbox_head", "map_head", "pts_seg_head")


def list_network_parts(model: nn.Module) -> tuple[str, ...]:
    """Return the parts of a model that a training after it can start from.

    These are the networks of the sensors, the fusion of their maps, and the head of a
    task. Projections and heads that only the pre-training needs are not among them, nor
    is a frozen teacher.

    Args:
        model: Model of this project.

    Returns:
        Names of its children that hold tensors, in the order of the model.
    """
    wanted = {*_NETWORK, *_TASK_HEADS}
    if isinstance(model, ImageToLidarPretrainer):
        wanted.discard("img_backbone")
    children = dict(model.named_children())
    return tuple(name for name, part in children.items() if name in wanted and part.state_dict())


def part_of(name: str) -> str:
    """Return the part that a tensor belongs to, by its name in the model."""
    return name.split(".")[0]
