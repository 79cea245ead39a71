"""PRC of CALICO without a config file: a LiDAR network contrasts points by regions.

Run it after ``tools/create_data.py nuscenes`` and ``tools/create_data.py regions``.
"""

from perception_kd.engine.commands.example_folders import parse_folders

INFOS = "nuscenes_infos_train.pkl"
FOLDERS = parse_folders(INFOS, "regions/dbscan")  # before the imports, which take seconds

from typing import Any

import torch
from mmdet3d.models import SECOND, SECONDFPN, PillarFeatureNet, PointPillarsScatter
from mmengine.dataset import pseudo_collate
from torch import Tensor, nn
from torch.utils.data import DataLoader

from perception_kd.datasets import transforms as T
from perception_kd.datasets.camera_lidar_dataset import CameraLidarDataset
from perception_kd.geometry.bev_grid import BEVGrid, sample_bev
from perception_kd.models.data_preprocessor import CameraLidarDataPreprocessor
from perception_kd.models.heads import FeatureProjector
from perception_kd.models.losses import RegionContrastLoss
from perception_kd.models.voxelizers import HardVoxelizer
from perception_kd.structures import Batch, Sample

RANGE = (-51.2, -51.2, -5.0, 51.2, 51.2, 3.0)
PILLARS: dict[str, Any] = {"voxel_size": (0.4, 0.4, 8.0), "point_cloud_range": RANGE}


class PRC(nn.Module):
    """Small PointPillars that contrast two augmented copies of each point cloud."""

    def __init__(self) -> None:
        super().__init__()
        self.pts_voxelizer = HardVoxelizer(**PILLARS, max_num_points=20, max_voxels=(30000, 40000))
        self.pts_voxel_encoder = PillarFeatureNet(5, [32], **PILLARS, legacy=False)
        self.pts_middle_encoder = PointPillarsScatter(32, output_shape=(256, 256))
        self.pts_backbone = SECOND(32, [32, 64, 64], layer_nums=[1, 2, 2], layer_strides=[2, 2, 2])
        self.pts_neck = SECONDFPN([32, 64, 64], [32] * 3, [1, 2, 4], use_conv_for_no_stride=True)
        self.pts_projector = FeatureProjector(96, hidden_channels=(128,), out_channels=64)
        self.grid = BEVGrid(RANGE, cell_size=0.8)
        self.plrc = RegionContrastLoss(positives="region")
        self.rapc = RegionContrastLoss(
            positives="point", same_region_negatives=False, region_normalize=True
        )

    def embed(self, points: list[Tensor], rows: list[Tensor]) -> list[Tensor]:
        """Return features (M_b, 64) of some points of each point cloud (N_b, 5)."""
        voxels = self.pts_voxelizer(points)
        pillars = self.pts_voxel_encoder(voxels.features, voxels.num_points, voxels.coors)
        bev = self.pts_middle_encoder(pillars, voxels.coors, voxels.batch_size)
        (bev,) = self.pts_neck(self.pts_backbone(bev))
        selected = [cloud[row] for cloud, row in zip(points, rows, strict=True)]
        feats, _ = sample_bev(bev, selected, self.grid)
        return list(self.pts_projector(feats).split([len(row) for row in rows]))

    def forward(self, batch: Batch) -> Tensor:
        """Return the mean of the region-wise and the point-wise contrastive loss."""
        rows = batch["sampled_points"]
        regions = [ids[row] for ids, row in zip(batch["region_ids"], rows, strict=True)]
        query, key = (self.embed(points, rows) for points in batch["cloud_views"])
        return (self.plrc(query, key, regions, rows) + self.rapc(query, key, regions, rows)) / 2


rotate, scale = T.RandomRotateZ((-90.0, 90.0)), T.RandomScale((0.9, 1.1))
pipeline: list[Any] = [
    T.LoadPoints(num_sweeps=1),
    T.LoadRegions(cache="regions/dbscan"),
    T.ShufflePoints(),
    T.MakeCloudViews([rotate, scale, T.RandomTranslate(std=0.5), T.RandomFlipAxis()]),
    T.SampleRegionPoints(RANGE, ego_half_width=1.5),
    T.PackInputs(),
]
dataset = CameraLidarDataset(INFOS, *FOLDERS, pipeline)
loader: DataLoader[Sample] = DataLoader(dataset, 2, shuffle=True, collate_fn=pseudo_collate)
device = "cuda" if torch.cuda.is_available() else "cpu"
collate, model = CameraLidarDataPreprocessor().to(device), PRC().to(device)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-2)
for epoch in range(8):
    dataset.set_epoch(epoch)
    for samples in loader:
        loss = model(collate(samples)["inputs"])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_norm=35)
        optimizer.step()
        print(f"epoch {epoch + 1}: loss {loss.item():.4f}")
torch.save({"state_dict": model.state_dict()}, "prc.pth")
