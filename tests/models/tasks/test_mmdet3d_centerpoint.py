"""mmdet3d's own CenterPoint trains on our info files, from our pre-trained weights."""

from pathlib import Path
from typing import Any

import mmdet3d
import pytest
import torch
from mmdet3d.registry import DATASETS, MODELS
from mmengine import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope

from perception_kd.checkpoints.loading import load_pretrained
from perception_kd.registry import MODELS as OUR_MODELS
from tests.fake_data.prepared import PreparedData

ROOT = Path(__file__).parents[3]
CONFIG = "centerpoint/centerpoint_pillar02_second_secfpn_8xb4-cyclic-20e_nus-3d.py"
OURS = ROOT / "configs" / "det" / "det_pillar02_8xb4-cyclic-20e_nus.py"
PARTS = ["pts_voxel_encoder", "pts_middle_encoder", "pts_backbone", "pts_neck"]


@pytest.fixture
def theirs() -> Config:
    """mmdet3d's published config of CenterPoint with pillars."""
    folder = Path(mmdet3d.__file__).parent / ".mim" / "configs"
    if not folder.is_dir():
        pytest.skip("this mmdet3d has no configs with it")
    cfg = Config.fromfile(folder / CONFIG)
    # Smaller: the backbone is what is pre-trained.
    cfg.model.pts_bbox_head.share_conv_channel = 8
    return cfg


def build_theirs(cfg: Config) -> Any:
    with DefaultScope.overwrite_default_scope("mmdet3d"):
        return MODELS.build(cfg.model)


def save_ours(path: Path) -> dict[str, torch.Tensor]:
    """Save random weights of our network under the name of a pre-training."""
    torch.manual_seed(1)
    with DefaultScope.overwrite_default_scope("perception_kd"):
        model = OUR_MODELS.build(Config.fromfile(OURS).model)
    torch.save({"state_dict": model.state_dict()}, path)
    return model.state_dict()


def test_all_of_its_backbone_comes_from_our_weights(theirs: Config, tmp_path: Path) -> None:
    ours = save_ours(tmp_path / "ours.pth")
    model = build_theirs(theirs)
    report = load_pretrained(model, tmp_path / "ours.pth", min_share=1.0, ignore=["pts_bbox_head."])
    assert report.share_loaded == 1
    assert report.missing == ()
    assert report.mismatched == ()
    loaded = model.state_dict()
    names = [name for name in loaded if name.split(".")[0] in PARTS]
    assert len(names) > 100
    assert all(torch.equal(loaded[name], ours[name]) for name in names)
    # By part, as load_pretrained_from takes them.
    for part in PARTS:
        fresh = getattr(build_theirs(theirs), part)
        if list(fresh.parameters()):
            prefix = f"{part}."
            report = load_pretrained(fresh, tmp_path / "ours.pth", prefix, min_share=1.0)
            assert report.share_loaded == 1


@pytest.mark.slow
def test_it_takes_a_step_on_our_info_file(
    theirs: Config, prepared_synthetic: PreparedData, tmp_path: Path
) -> None:
    options = prepared_synthetic.options_for(OURS)
    data_root, info_root = options[1::2]
    settings = theirs.train_dataloader.dataset.dataset
    # Ground truth is not pasted: that needs a data base of objects of its own.
    settings.pipeline = [s for s in settings.pipeline if s.type != "ObjectSample"]
    settings.pipeline[1].sweeps_num = 1
    settings.data_root = data_root
    settings.ann_file = str(Path(info_root) / "nuscenes_infos_train.pkl")
    save_ours(tmp_path / "ours.pth")
    with DefaultScope.overwrite_default_scope("mmdet3d"):
        dataset = DATASETS.build(settings)
        model = MODELS.build(theirs.model)
        load_pretrained(model, tmp_path / "ours.pth", ignore=["pts_bbox_head."])
        batch = model.data_preprocessor(pseudo_collate([dataset[0], dataset[2]]), training=True)
        losses = model(**batch, mode="loss")
        total, _ = model.parse_losses(losses)
        total.backward()
    assert len(losses) == 12
    assert total.isfinite()
    truth = [len(sample.gt_instances_3d) for sample in batch["data_samples"]]
    assert min(truth) > 3
    assert all(p.grad is not None for p in model.pts_backbone.parameters())
