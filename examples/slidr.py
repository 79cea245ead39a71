"""SLidR without a config file: a LiDAR network learns from a frozen image network.

After ``tools/create_data.py nuscenes`` and ``create_data.py superpixels``, run
``python examples/slidr.py DATA_ROOT [INFO_ROOT]``.
"""

from perception_kd.engine.commands.example_folders import parse_folders

INFOS = "nuscenes_infos_train.pkl"
FOLDERS = parse_folders(INFOS, "superpixels/fast_150")  # before the imports, which take seconds

from typing import Any

import torch
from mmengine.dataset import pseudo_collate
from torch import Tensor, nn
from torch.utils.data import DataLoader

from perception_kd.datasets import transforms as T
from perception_kd.datasets.camera_lidar_dataset import CameraLidarDataset
from perception_kd.models.backbones import EfficientNetLite, FrozenBackbone, MinkUNet
from perception_kd.models.data_preprocessor import CameraLidarDataPreprocessor
from perception_kd.models.heads import PixelProjection, VoxelProjection
from perception_kd.models.losses import info_nce
from perception_kd.models.voxelizers import PointVoxelizer
from perception_kd.ops import pool_segments, pool_upsampled
from perception_kd.structures import Batch, Sample


class SLidR(nn.Module):
    """A small MinkUNet that learns from an EfficientNet with ImageNet weights."""

    def __init__(self) -> None:
        super().__init__()
        net = EfficientNetLite()
        self.img_backbone = FrozenBackbone(net, max_views_per_forward=1)
        self.img_head = PixelProjection(
            net.out_channels, 64, net.stride, align_corners=False, cell_offset=net.cell_offset
        )
        self.pts_voxelizer = PointVoxelizer(
            (0.15, 0.15, 0.15),
            "cartesian",
            reduce="mean",
            feature_columns=(3, 2, "offset"),  # intensity 0..255, height, offset in the voxel
            feature_scale=(1 / 64, 0.5, 1.0, 1.0, 1.0),
        )
        self.pts_backbone = MinkUNet(5, 16, (16, 32, 64, 128), (1,) * 4, (96, 64, 48, 48), (1,) * 4)
        self.pts_head = VoxelProjection(in_channels=48, out_channels=64)

    def forward(self, batch: Batch) -> Tensor:
        """Contrast the mean features of points and pixels in each superpixel."""
        voxels = self.pts_voxelizer(batch["points"])
        size = voxels.batch_size, voxels.spatial_shape
        feats = self.pts_backbone(voxels.features, voxels.coors, *size)
        point_feats = self.pts_head(feats, batch["points"], voxels)[batch["pairing_points"]]
        img_feats = self.img_head.project(self.img_backbone(batch["imgs"]))
        ids, num_ids = batch["superpixels"], batch["num_superpixels"]
        pixels = batch["pairing_images"].unbind(dim=1)  # view, row, column
        superpoint_feats, num_pairs = pool_segments(point_feats, ids[pixels], num_ids)
        superpixel_feats, _ = pool_upsampled(img_feats, ids, num_ids, self.img_head.enlarge)
        seen = num_pairs > 0
        return info_nce(superpoint_feats[seen], superpixel_feats[seen], temperature=0.07)


pipeline: list[Any] = [
    T.LoadPoints(),
    T.LoadImages(),
    T.LoadSuperpixels(cache="superpixels/fast_150"),
    T.PairPointsWithPixels(),
    T.RandomRotateZ(),
    T.RandomFlipAxis(),
    T.RandomResizedCrop(size=(160, 288)),
    T.RandomFlipImages(),
    T.PackInputs(),
]
dataset = CameraLidarDataset(INFOS, *FOLDERS, pipeline)
loader: DataLoader[Sample] = DataLoader(dataset, 2, shuffle=True, collate_fn=pseudo_collate)
device = "cuda" if torch.cuda.is_available() else "cpu"
collate = CameraLidarDataPreprocessor(EfficientNetLite.mean, EfficientNetLite.std).to(device)
model = SLidR().to(device)
optimizer = torch.optim.AdamW(model.parameters(), lr=6e-3, weight_decay=1e-2)
for epoch in range(4):
    dataset.set_epoch(epoch)
    for samples in loader:
        loss = model(collate(samples)["inputs"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"epoch {epoch + 1}: loss {loss.item():.4f}")
torch.save({"state_dict": model.state_dict()}, "slidr.pth")
