"""SLidR without a config file: a LiDAR network learns from a frozen image network.

Create the data (for nuScenes itself, skip the first step), then run the program::

    DATA=data/synthetic
    python tools/create_data.py synthetic --root $DATA
    python tools/create_data.py nuscenes --root $DATA --version v1.0-mini
    python tools/create_data.py superpixels --data-root $DATA --info $DATA/*_train.pkl
    python examples/slidr.py --root $DATA
"""

import argparse
from pathlib import Path
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
from perception_kd.structures import Batch


class SLidR(nn.Module):
    """A small MinkUNet that learns from an EfficientNet with ImageNet weights."""

    def __init__(self) -> None:
        super().__init__()
        self.img_backbone = FrozenBackbone(EfficientNetLite(), max_views_per_forward=1)
        self.img_head = PixelProjection(
            in_channels=self.img_backbone.out_channels,
            out_channels=64,
            scale_factor=self.img_backbone.stride,
            align_corners=False,
            cell_offset=self.img_backbone.cell_offset,
        )
        self.pts_voxelizer = PointVoxelizer(
            voxel_size=(0.15, 0.15, 0.15),
            coordinates="cartesian",
            reduce="mean",
            feature_columns=(3, 2, "offset"),  # intensity 0..255, height, offset in the voxel
            feature_scale=(1 / 64, 0.5, 1.0, 1.0, 1.0),
        )
        self.pts_backbone = MinkUNet(
            in_channels=5,
            base_channels=16,
            encoder_channels=(16, 32, 64, 128),
            encoder_blocks=(1, 1, 1, 1),
            decoder_channels=(96, 64, 48, 48),
            decoder_blocks=(1, 1, 1, 1),
        )
        self.pts_head = VoxelProjection(in_channels=48, out_channels=64)

    def forward(self, batch: Batch) -> Tensor:
        """Contrast the mean features of points and pixels in each superpixel."""
        voxels = self.pts_voxelizer(batch["points"])
        feats = self.pts_backbone(
            voxels.features, voxels.coors, voxels.batch_size, voxels.spatial_shape
        )
        point_feats = self.pts_head(feats, batch["points"], voxels)[batch["pairing_points"]]
        img_feats = self.img_head.project(self.img_backbone(batch["imgs"]))

        ids, num_ids = batch["superpixels"], batch["num_superpixels"]
        view, row, col = batch["pairing_images"].unbind(dim=1)
        superpoint_feats, num_pairs = pool_segments(point_feats, ids[view, row, col], num_ids)
        superpixel_feats, _ = pool_upsampled(img_feats, ids, num_ids, self.img_head.enlarge)
        seen = num_pairs > 0
        return info_nce(superpoint_feats[seen], superpixel_feats[seen], temperature=0.07)


parser = argparse.ArgumentParser(description="Pre-train a LiDAR network with SLidR.")
parser.add_argument("--root", type=Path, required=True, help="folder of the data set")
parser.add_argument("--info", type=Path, help="default: ROOT/nuscenes_infos_train.pkl")
parser.add_argument("--epochs", type=int, default=4)
parser.add_argument("--out", type=Path, default=Path("slidr.pth"), help="checkpoint to write")
args = parser.parse_args()
info = args.info or args.root / "nuscenes_infos_train.pkl"
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
torch.manual_seed(0)

dataset = CameraLidarDataset(
    info.name,
    data_root=str(args.root),
    info_root=str(info.parent),
    pipeline=[
        T.LoadPoints(),
        T.LoadImages(),
        T.LoadSuperpixels(cache="superpixels/fast_150"),
        T.PairPointsWithPixels(),
        T.RandomRotateZ(),
        T.RandomFlipAxis(),
        T.RandomResizedCrop(size=(160, 288)),
        T.RandomFlipImages(),
        T.PackInputs(),
    ],
)
loader: DataLoader[Any] = DataLoader(dataset, 2, True, collate_fn=pseudo_collate, drop_last=True)
collate = CameraLidarDataPreprocessor(EfficientNetLite.mean, EfficientNetLite.std).to(device)
model = SLidR().to(device)
optimizer = torch.optim.AdamW(model.parameters(), lr=6e-3, weight_decay=1e-2)
for epoch in range(args.epochs):
    dataset.set_epoch(epoch)
    for step, samples in enumerate(loader):
        loss = model(collate(samples)["inputs"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"epoch {epoch + 1}, step {step + 1} of {len(loader)}: loss {loss.item():.4f}")
torch.save({"state_dict": model.state_dict()}, args.out)
