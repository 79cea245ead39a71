"""CALICO's PRC: points of two views of a cloud, contrasted by their regions."""

from typing import Any

from torch import Tensor

from perception_kd.models.pretrainers.bev_points import count_points, sampled_points, two_cloud_views
from perception_kd.models.pretrainers.bev_pretrainer import BEVPretrainer, Config
from perception_kd.registry import MODELS


@MODELS.register_module()
class PointRegionContrast(BEVPretrainer):
    """Pre-train a LiDAR network by point-region contrast [1], without labels.

    Views of the same cloud pass the network; points drawn in regions and elsewhere read
    its maps where each view has them, and are projected. Then

        loss = alpha * PLRC + (1 - alpha) * RAPC                        [1, Eq. 2]

    PLRC pulls together all points of a region, RAPC each point and itself, region by
    region; see :func:`~perception_kd.models.losses.region_contrast`. PointContrast is
    alpha = 0 with points in no region, all of which choose.

    - [1] CALICO: Self-Supervised Camera-LiDAR Contrastive Pre-training for BEV
      Perception, 2024, https://arxiv.org/abs/2306.00349

    Args:
        pts_projector: Features of points to the D channels that are compared.
        grid: Cells of the network's map: arguments of :class:`~.BEVGrid`.
        loss_plrc: Loss of lists of features of both views, of regions and of which
            points they are. It is weighted by alpha, and left out where that is 0.
        loss_rapc: The same, weighted by 1 - alpha.
        alpha: Share of PLRC, in [0, 1].
        data_preprocessor: Collates samples.
        **pts_network: Configs of the network's parts by mmdet3d's names
            (``pts_voxelizer``, ``pts_voxel_encoder``, ``pts_middle_encoder``,
            ``pts_backbone``, ``pts_neck``).

    Raises:
        ValueError: If ``alpha`` is outside [0, 1].
    """

    def __init__(
        self,
        pts_projector: Config,
        grid: Config,
        loss_plrc: Config,
        loss_rapc: Config,
        alpha: float = 0.5,
        data_preprocessor: Config | None = None,
        **pts_network: Any,
    ) -> None:
        super().__init__(grid, data_preprocessor)
        if not 0 <= alpha <= 1:
            raise ValueError(f"alpha must be in [0, 1], but got {alpha}.")
        self.build_bev_network(**pts_network)
        self.pts_projector = MODELS.build(pts_projector)
        self.loss_plrc = MODELS.build(loss_plrc)
        self.loss_rapc = MODELS.build(loss_rapc)
        self.alpha = alpha

    def loss(self, inputs: Config, data_samples: list[Any]) -> dict[str, Tensor]:
        """Compute the loss of one batch.

        Args:
            inputs: The batch of ``docs/sample.md`` with two ``cloud_views``, and
                ``region_ids`` where there are regions.
            data_samples: Not used.

        Returns:
            ``loss_plrc`` and ``loss_rapc``, each with its share; the monitors
            ``num_regions``, ``num_region_points`` and ``num_background_points`` of the
            compared points.

        Raises:
            ValueError: If there are not two views.
        """
        views = two_cloud_views(inputs)
        rows, region_ids = sampled_points(inputs)
        query, key = (self._embed(view, rows) for view in views)

        losses = {}
        if self.alpha > 0:
            losses["loss_plrc"] = self.alpha * self.loss_plrc(query, key, region_ids, rows)
        if self.alpha < 1:
            losses["loss_rapc"] = (1 - self.alpha) * self.loss_rapc(query, key, region_ids, rows)
        return {**losses, **count_points(region_ids)}

    def _embed(self, clouds: list[Tensor], rows: list[Tensor]) -> list[Tensor]:
        """Compute the compared features of some points of a view, each (M_b, D)."""
        bev = self.extract_pts_bev(clouds)
        feats = self.pts_projector(self.read_points(bev, clouds, rows))
        return list(feats.split([len(row) for row in rows]))
