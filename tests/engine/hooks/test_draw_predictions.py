"""Samples that are drawn in a test, and errors where drawing is impossible."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from mmdet3d.structures import Det3DDataSample, PointData
from mmengine import Config
from mmengine.structures import InstanceData, PixelData

from perception_kd.datasets.camera_lidar_dataset import CameraLidarDataset
from perception_kd.datasets.transforms.boxes import make_boxes
from perception_kd.engine.config.outputs import set_drawing
from perception_kd.engine.ending.explaining import explain_error
from perception_kd.engine.hooks import DrawPredictionsHook
from perception_kd.engine.hooks.draw_predictions import StoredSamples
from perception_kd.visualization.boxes import PREDICTED_COLOR, TRUTH_COLOR
from perception_kd.visualization.legend import LINE_HEIGHT
from perception_kd.visualization.maps import MAP_COLORS, TITLE_HEIGHT
from tests.fake_data.prepared import PreparedData

NO_CACHES = Path(__file__).parents[3] / "configs" / "_base_" / "default_runtime.py"


@pytest.fixture(scope="module")
def settings(prepared_synthetic: PreparedData) -> dict[str, Any]:
    """A test data set as configs have it: augmented, and no boxes."""
    options = prepared_synthetic.options_for(NO_CACHES)
    folders = dict(zip(["data_root", "info_root"], options[1::2], strict=True))
    steps = [dict(type="LoadPoints", num_sweeps=1), dict(type="FlipPoints"), dict(type="Pack")]
    return dict(
        type="CameraLidarDataset",
        ann_file="nuscenes_infos_val.pkl",
        cameras=[],
        pipeline=steps,
        **folders,
    )


def draw(hook: DrawPredictionsHook, samples: list[Any], **runner: Any) -> None:
    """Call the hook with one batch, each sample a single point."""
    points = [torch.tensor([[1.0, 2.0, 0.0, 0.0, 0.0]])] * len(samples)
    batch = {"inputs": {"points": points}}
    hook.after_test_iter(SimpleNamespace(**runner), 0, batch, samples)


def make_map_sample(token: str, score: float) -> Any:
    sample = Det3DDataSample(metainfo=dict(sample_token=token, map_classes=("walkway",)))
    sample.gt_bev_seg = PixelData(masks=torch.ones(1, 40, 40, dtype=torch.uint8))
    sample.pred_bev_seg = PixelData(masks=torch.full((1, 40, 40), score))
    return sample


def read(path: Path) -> Any:
    return cv2.imread(str(path))[..., ::-1]


def test_so_many_samples_are_drawn_as_asked_and_named_by_token(tmp_path: Path) -> None:
    hook = DrawPredictionsHook(str(tmp_path), num_samples=3)
    for batch in (["a", "08/01"], ["b", "c"]):
        draw(hook, [make_map_sample(token, 0.9) for token in batch])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["08_01.png", "a.png", "b.png"]


def test_maps_are_drawn_beside_their_truth(tmp_path: Path) -> None:
    draw(DrawPredictionsHook(str(tmp_path)), [make_map_sample("a", 0.4)])
    body = read(tmp_path / "a.png")[2 * LINE_HEIGHT + TITLE_HEIGHT :]
    is_walkway = (body == MAP_COLORS["walkway"]).all(axis=2)
    assert is_walkway[:, :80].mean() > 0.9
    assert not is_walkway[:, 80:].any()


def test_boxes_are_drawn_on_the_sample_as_stored(settings: dict[str, Any], tmp_path: Path) -> None:
    data_set = CameraLidarDataset(
        **{k: v for k, v in settings.items() if k not in ("type", "pipeline")}
    )
    token = data_set.get_data_info(1)["sample_token"]
    sample = Det3DDataSample(metainfo=dict(sample_token=token))
    sample.pred_instances_3d = InstanceData(
        bboxes_3d=make_boxes(np.array([[10.0, 10, 0, 4, 2, 1, 0, 0, 0]] * 2)),
        scores_3d=torch.tensor([0.6, 0.4]),
        labels_3d=torch.tensor([0, 0]),
    )
    cfg = Config(dict(test_dataloader=dict(dataset=settings)))
    for min_score, expected in ((0.5, True), (0.7, False)):
        draw(DrawPredictionsHook(str(tmp_path), min_score=min_score), [sample], cfg=cfg)
        above = read(tmp_path / f"{token}.png")[-1440:]
        assert (above == PREDICTED_COLOR).all(axis=2).any() == expected
        assert (above == TRUTH_COLOR).all(axis=2).any()


def test_stored_samples_have_truth_and_all_images(
    settings: dict[str, Any],
) -> None:
    stored = StoredSamples(dict(type="CBGSDataset", dataset=settings))
    data_set = CameraLidarDataset(
        **{k: v for k, v in settings.items() if k not in ("type", "pipeline", "cameras")}
    )
    info = data_set.get_data_info(1)
    sample = stored[info["sample_token"]]
    assert len(sample["imgs"]) == 6
    assert sample["imgs"][0].shape == (180, 320, 3)
    assert len(sample["gt_bboxes_3d"]) > 0
    assert (sample["original_points"] < 0).any()  # of the earlier sweep
    assert "lidar_aug_matrix" not in sample


def test_classes_of_points_are_drawn_beside_the_truth(tmp_path: Path) -> None:
    samples = []
    for token in ("labeled", "unlabeled"):
        sample = Det3DDataSample(metainfo=dict(sample_token=token))
        sample.pred_pts_seg = PointData(pts_semantic_mask=torch.tensor([1]))
        samples.append(sample)
    samples[0].gt_pts_seg = PointData(pts_semantic_mask=torch.tensor([0]))
    data_set = SimpleNamespace(metainfo={"seg_classes": ("car", "road")})
    loop = SimpleNamespace(evaluator=SimpleNamespace(metrics=[]))
    runner = dict(test_loop=loop, test_dataloader=SimpleNamespace(dataset=data_set))
    draw(DrawPredictionsHook(str(tmp_path)), samples, **runner)
    assert read(tmp_path / "labeled.png").shape[1] == 1608
    assert read(tmp_path / "unlabeled.png").shape[1] == 800


def test_what_cannot_be_drawn_is_said(tmp_path: Path) -> None:
    hook = DrawPredictionsHook(str(tmp_path))
    with pytest.raises(ValueError, match="--show-dir draws boxes, maps or point classes"):
        draw(hook, [Det3DDataSample(metainfo=dict(sample_token="a"))])
    with pytest.raises(ValueError, match=r"--show-dir draws boxes, .* predicts loss_plrc"):
        draw(hook, [{"loss_plrc": 1.0}])


def test_an_unwritable_image_is_a_one_line_error(tmp_path: Path) -> None:
    hook = DrawPredictionsHook(str(tmp_path / "removed"))
    with pytest.raises(FileNotFoundError, match=r"removed/.*a\.png") as caught:
        draw(hook, [make_map_sample("a", 0.9)])
    assert explain_error(caught.value) == str(caught.value)


def test_a_folder_that_cannot_be_written_to_is_refused_first(tmp_path: Path) -> None:
    cfg = Config(dict(custom_hooks=[dict(type="EpochSeedHook")]))
    (tmp_path / "file").touch()
    with pytest.raises(PermissionError, match=r"Cannot write to --show-dir .*/file: "):
        set_drawing(cfg, tmp_path / "file", 1, 0.3)
    set_drawing(cfg, tmp_path / "new" / "folder", 7, 0.2)
    assert (tmp_path / "new" / "folder").is_dir()
    assert [hook.type for hook in cfg.custom_hooks] == ["EpochSeedHook", "DrawPredictionsHook"]
    assert (cfg.custom_hooks[1].num_samples, cfg.custom_hooks[1].min_score) == (7, 0.2)
