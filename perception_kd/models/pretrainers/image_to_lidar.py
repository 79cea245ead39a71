"""Image-to-LiDAR distillation: a frozen image network teaches a LiDAR network."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from perception_kd.models.backbones.teacher_identity import describe_teacher, name_differences
from perception_kd.models.losses.pair_weights import PairDescription
from perception_kd.models.networks.lidar_network import (
    LidarNetworkMixin,
    PointFeatures,
    PtsParts,
    build_part,
)
from perception_kd.models.networks.task_model import Supervision, TaskModel
from perception_kd.registry import MODELS
from perception_kd.structures import Batch, ConfigDict

_PAIRS = Supervision(
    "pairs of point and pixel",
    ("num_pairs",),
    "check lidar2cam, cam2img and the image sizes of the info files (the camera must look along "
    "+z, with translations in m), and that points lie in the range of the voxels",
)


class ImageToLidarPretrainer(LidarNetworkMixin, TaskModel):
    """A LiDAR network learns from a frozen image network, by pairs of point and pixel.

    Only the head of the image branch is trained. Batches may bring the teacher's
    features from a cache (``StoredCrops``), and then it does not run. What the teacher
    declares (the channels, stride and cell offset of its map, mean and std of its
    input) reaches the head and the data preprocessor from it, so configs do not repeat
    it. A subclass defines what is compared, in ``loss``.

    Args:
        img_backbone: Frozen teacher: (V, 3, H, W) to (V, C, h, w).
        img_head: Projection of the teacher's map to the D channels that are compared.
            Its ``in_channels`` and ``scale_factor`` are the teacher's, and with
            ``align_corners=False`` its ``cell_offset`` too.
        pts_voxelizer: Points to voxels; the parts ``pts_*`` are the student's, those of
            :class:`~.PtsParts`.
        pts_head: Voxel or BEV features to D channels at the points.
        loss_contrast: Loss of the student's and the teacher's features of M pairs, (M,
            D) each, called as ``loss(student, teacher)``, and with ``pair_weights`` as
            ``loss(student, teacher, weights)``.
        pts_voxel_encoder: Points of each voxel to one feature per voxel.
        pts_middle_encoder: Voxel features to a BEV map.
        pts_backbone: Voxel features to voxel features, or a BEV map to levels.
        pts_neck: Levels of BEV maps to one.
        pair_weights: Weights of the pairs in the loss, from a
            :class:`~.PairDescription` of them, such as :class:`~.SemanticTolerance`.
        data_preprocessor: Collates, and normalizes images with the teacher's ``mean``
            and ``std``.

    Raises:
        ValueError: If the config of head or preprocessor contradicts the teacher, a
            head learns what a loss without negatives compares with, or weights of
            pairs come with negatives of all ranks.
    """

    def __init__(
        self,
        *,
        img_backbone: ConfigDict,
        img_head: ConfigDict,
        pts_voxelizer: ConfigDict,
        pts_head: ConfigDict,
        loss_contrast: ConfigDict,
        pts_voxel_encoder: ConfigDict | None = None,
        pts_middle_encoder: ConfigDict | None = None,
        pts_backbone: ConfigDict | None = None,
        pts_neck: ConfigDict | None = None,
        pair_weights: ConfigDict | None = None,
        data_preprocessor: ConfigDict | None = None,
    ) -> None:
        teacher = MODELS.build(img_backbone)
        if data_preprocessor is not None:
            data_preprocessor = _take_from_teacher(
                "data_preprocessor", data_preprocessor, teacher, {"mean": "mean", "std": "std"}
            )
        super().__init__(data_preprocessor=data_preprocessor)
        self.img_backbone = teacher
        self.img_head = MODELS.build(_describe_head(img_head, teacher))
        self.build_lidar_network(
            PtsParts(pts_voxelizer, pts_voxel_encoder, pts_middle_encoder, pts_backbone, pts_neck)
        )
        self.pts_head = MODELS.build(pts_head)
        self.loss_contrast = MODELS.build(loss_contrast)
        self.pair_weights = build_part(pair_weights)
        self._check_loss()
        self._checked_caches: set[str] = set()

    @property
    def supervision(self) -> Supervision:
        """Pairs of point and pixel."""
        return _PAIRS

    def forward_tensor(self, inputs: Batch) -> tuple[PointFeatures, Tensor]:
        """Return the features of points and of images.

        Args:
            inputs: The batch of ``docs/sample.md`` with ``points`` and ``imgs``.

        Returns:
            Features of the N points, (N, D), with the voxel of each; features of the
            pixels, (V, D, H, W).
        """
        point_feats = self.extract_point_feats(inputs["points"])
        return point_feats, self.extract_pixel_feats(inputs["imgs"])

    def contrast(
        self, student: Tensor, teacher: Tensor, describe: Callable[[], PairDescription]
    ) -> Tensor:
        """Compute the loss of M pairs of features, (M, D) each.

        Args:
            student: Features of points, or means of them.
            teacher: Projected features of the pixels of each.
            describe: Describes the pairs; only called if they have weights.
        """
        if self.pair_weights is None:
            loss: Tensor = self.loss_contrast(student, teacher)
        else:
            loss = self.loss_contrast(student, teacher, self.pair_weights(describe()))
        return loss

    def _check_loss(self) -> None:
        head_learns = any(p.requires_grad for p in self.img_head.parameters())
        if getattr(self.loss_contrast, "needs_fixed_keys", False) and head_learns:
            raise ValueError(
                "loss_contrast has no negatives, so an img_head that learns would make all "
                "features equal; set img_head.out_channels=None, and pts_head.out_channels to the "
                f"teacher's {getattr(self.img_backbone, 'out_channels', 'channels')}."
            )
        if self.pair_weights is not None and getattr(self.loss_contrast, "gather_negatives", False):
            raise ValueError(
                "pair_weights are of the pairs of one rank; set "
                "loss_contrast.gather_negatives=False."
            )

    def extract_point_feats(self, points: list[Tensor]) -> PointFeatures:
        """Compute the student's features at all points, (N, D)."""
        return self.extract_pts_feat(points, self.pts_head)

    def read_teacher(self, inputs: Batch, data_samples: list[Any]) -> Tensor:
        """Return the teacher's features: stored ones where the batch has them.

        Returns:
            Maps, (V, C, h, w), or stored means over superpixels, (S, C).

        Raises:
            ValueError: If stored features are of another teacher, or do not suffice.
        """
        stored = inputs.get("superpixel_feats", inputs.get("teacher_maps"))
        if stored is None:
            feats: Tensor = self.img_backbone(inputs["imgs"])
            return feats
        if self.pair_weights is not None:
            raise ValueError(
                "pair_weights need the images, which batches from a cache of a teacher do not "
                "have; leave out pair_weights, or train with the teacher, without StoredCrops."
            )
        self.check_stored_teacher(data_samples)
        return stored

    def check_stored_teacher(self, data_samples: list[Any]) -> None:
        """Check that the features of a batch are of this teacher.

        A cache is compared once: weights of a frozen teacher do not change.

        Args:
            data_samples: One per sample; ``teacher_cache`` of each names the cache and
                describes the teacher that it was made with.

        Raises:
            ValueError: If they are not.
        """
        caches = {cache["folder"]: cache for cache in (s.teacher_cache for s in data_samples)}
        for folder in caches.keys() - self._checked_caches:
            differences = name_differences(
                caches[folder]["teacher"], describe_teacher(self.img_backbone)
            )
            if differences:
                raise ValueError(
                    f"{folder} is stale: it holds features of another teacher than the config's: "
                    f"{'; '.join(differences)}. Name another cache, or delete the folder and make "
                    "it again with tools/create_data.py teacher."
                )
            self._checked_caches.add(folder)

    def extract_pixel_feats(self, imgs: Tensor) -> Tensor:
        """Compute the projected teacher's features at all pixels, (V, D, H, W)."""
        feats: Tensor = self.img_head(self.img_backbone(imgs), size=imgs.shape[-2:])
        return feats


def _describe_head(img_head: ConfigDict, teacher: nn.Module) -> ConfigDict:
    """Return the settings of a head on the teacher's map."""
    declared = {"in_channels": "out_channels", "scale_factor": "stride"}
    if not img_head.get("align_corners", True):
        declared["cell_offset"] = "cell_offset"
    return _take_from_teacher("img_head", img_head, teacher, declared)


def _take_from_teacher(
    name: str, settings: ConfigDict, teacher: nn.Module, declared: Mapping[str, str]
) -> ConfigDict:
    """Complete the settings of a part by what the teacher declares.

    Args:
        name: Name of the part, for errors.
        settings: Its config.
        teacher: Image network.
        declared: Attribute of the teacher by the name of the setting; attributes that
            the teacher lacks are skipped.

    Raises:
        ValueError: If a setting is given and differs.
    """
    filled = dict(settings)
    for setting, attribute in declared.items():
        if not hasattr(teacher, attribute):
            continue
        value = getattr(teacher, attribute)
        if _as_comparable(filled.setdefault(setting, value)) != _as_comparable(value):
            raise ValueError(
                f"{name}.{setting} is {filled[setting]}, but the teacher's {attribute} is "
                f"{value}; leave {setting} out of the config."
            )
    return filled


def _as_comparable(value: Any) -> Any:
    return tuple(value) if isinstance(value, Sequence) else value
