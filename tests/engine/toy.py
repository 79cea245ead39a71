"""A data set, model and config that train in a second, for tests of what runs them."""

from pathlib import Path
from typing import Any

import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.utils.data import Dataset

from perception_kd.engine.run import launch
from perception_kd.engine.run.launch import read_config
from perception_kd.registry import DATASETS, MODELS

ROOT = Path(__file__).parents[2]

CONFIG = """
_base_ = ["{root}/configs/_base_/default_runtime.py"]
custom_imports = dict(imports=["tests.engine.toy"])
data_root = "{data_root}"
info_root = "{data_root}"
model = dict(type="ToyModel", dropout=0.5)
train_dataloader = dict(
    batch_size=2,
    num_workers={workers},
    persistent_workers={workers} > 0,
    collate_fn=dict(type="default_collate"),
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(type="ToyDataset", data_root=data_root, info_root=info_root),
)
test_dataloader = dict(
    batch_size=1,
    collate_fn=dict(type="default_collate"),
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(type="ToyDataset", data_root=data_root, info_root=info_root),
)
test_evaluator = dict(type="DumpResults", out_file_path="{data_root}/results.pkl")
train_cfg = dict(by_epoch=True, max_epochs=4)
test_cfg = dict()
optim_wrapper = dict(optimizer=dict(type="SGD", lr=0.02, momentum=0.9))
param_scheduler = [dict(type="CosineAnnealingLR", by_epoch=True)]
auto_scale_lr = dict(base_batch_size=4)
"""


@DATASETS.register_module()
class ToyDataset(Dataset[dict[str, Tensor]]):
    """Eight noisy samples of a line; the noise depends on seed, epoch and index."""

    def __init__(self, data_root: str, info_root: str | None = None, seed: int = 0) -> None:
        self.data_root = data_root
        self.info_root = info_root
        self.seed = seed
        self.skipped = {"no_points": 3}
        self.epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    def set_epoch(self, epoch: int) -> None:
        """Keep the epoch where the workers see it."""
        self.epoch.fill_(epoch)

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(1000 * self.seed + 100 * int(self.epoch) + index)
        x = torch.randn(3, generator=generator)
        return {"x": x, "y": x.sum(), "epoch": self.epoch.clone()}


@MODELS.register_module()
class ToyModel(BaseModel):
    """Two linear layers around dropout, which draws from torch's global generator."""

    def __init__(self, dropout: float = 0.5) -> None:
        # So that the runner's init_weights changes something, as in real models.
        super().__init__(init_cfg=dict(type="Normal", layer="Linear", std=0.5))
        self.dropout = nn.Dropout(dropout)
        self.backbone = nn.Linear(3, 4)
        self.head = nn.Linear(4, 1)
        self.epochs: list[int] = []

    def forward(self, x: Tensor, y: Tensor, epoch: Tensor, mode: str = "tensor") -> Any:
        """Fit y, and remember of which epoch the samples were."""
        output = self.head(self.dropout(self.backbone(x)))[:, 0]
        if mode == "predict":
            return [{"output": float(value)} for value in output]
        self.epochs += epoch.tolist()
        return {"loss_fit": (output - y).square().mean(), "num_pairs": torch.tensor(float(len(y)))}


def write_config(folder: Path, workers: int = 0, more: str = "") -> Path:
    """Write the config of a toy run whose data lies in the same folder."""
    folder.mkdir(exist_ok=True)
    path = folder / "toy.py"
    path.write_text(CONFIG.format(root=ROOT, data_root=folder, workers=workers) + more)
    return path


def build_runner(folder: Path, **settings: Any) -> Runner:
    """Build the runner of a toy run; settings replace the config's, by dotted name."""
    cfg = read_config(write_config(folder), {"experiment_name": str(folder), **settings})
    cfg.work_dir = str(folder / "work")
    return launch.build_runner(cfg)


def read_log(folder: Path) -> str:
    """Read all logs below a folder."""
    return "".join(path.read_text() for path in folder.rglob("*.log"))
