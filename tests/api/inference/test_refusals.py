"""Refusals of perception_kd.load and its networks, and their messages."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import perception_kd
from perception_kd.api.inference.building import without_starts
from perception_kd.registry import MODELS
from tests.api.inference.test_network import DET, FUSION, LIDARSEG, PRC, RAD, SLIDR, Make
from tests.test_configs import CONFIGS

CLOUD = np.tile(np.array([1, 2, 0, 100, 0], np.float32), (20, 1)) + np.arange(20)[:, None] * 0.1
IMGS = np.zeros((2, 180, 320, 3), dtype=np.uint8)
CAM2IMG = np.tile([[260.0, 0, 160], [0, 260, 90], [0, 0, 1]], (2, 1, 1))
LIDAR2CAM = np.tile(np.eye(4), (2, 1, 1))


def with_column(number: int, value: Any) -> Any:
    cloud = CLOUD.copy()
    cloud[:, number] = value
    return cloud


@pytest.mark.parametrize(
    ("cloud", "message"),
    [
        (CLOUD[:, :3], "x, y, z, intensity, time lag: intensity is missing"),
        (CLOUD[:, :2], "z, intensity is missing"),
        (np.zeros((20, 7), np.float32), "has 7 columns, but .* give these, and no others"),
        (CLOUD.T, r"Are points its columns\? Give cloud.T"),
        (CLOUD.astype(int), "must have floats, but has int64"),
        (CLOUD[0], r"must have shape \(N, columns\), but got \(5,\)"),
        ("drive.bin", "must be a NumPy array or a tensor, but is a str"),
        (CLOUD * 1e5, "give x, y, z in m in LiDAR coordinates"),
        (with_column(3, np.nan), "no point has a finite intensity, column 3"),
        (with_column(4, np.arange(20)), "column 4 is the time lag in s .* has 0 to 19, as a ring"),
        ([CLOUD, CLOUD[:, :3]], r"^cloud\[1\] has 3 columns"),
        ([], "The list of samples is empty"),
    ],
)
def test_a_wrong_cloud_is_named(cloud: Any, message: str, trained: Make) -> None:
    net = perception_kd.load(trained(PRC).path, device="cpu")
    with pytest.raises(ValueError, match=message):
        net.bev(cloud)
    with pytest.raises(ValueError, match=message):
        net.points(cloud)


def test_columns_that_are_not_read_need_not_be_right(trained: Make) -> None:
    net = perception_kd.load(trained(SLIDR).path, device="cpu")
    ring = with_column(4, np.arange(20))
    assert np.array_equal(net.points(ring), net.points(CLOUD[:, :4]))
    with pytest.raises(ValueError, match="trained with x, y, z, intensity: intensity is missing"):
        net.points(CLOUD[:, :3])


@pytest.mark.parametrize(
    ("trained_up_to", "given_up_to", "message"),
    [
        (255.0, 0.9, "goes up to 0.9, but the network was trained with up to 255; multiply it by"),
        (1.0, 120.0, "goes up to 120, but the network was trained with up to 1; divide it by 255"),
        (1.0, 4000.0, "divide it by 4000"),
        (255.0, 80.0, ""),
        (255.0, 0.0, ""),
        (0.7, 0.9, ""),
    ],
)
def test_intensities_of_another_range_are_refused(
    trained_up_to: float, given_up_to: float, message: str, trained: Make, tmp_path: Path
) -> None:
    ranges = [[0.0] * 5, [50.0, 50.0, 3.0, trained_up_to, 0.0]]
    path = rewrite(trained(SLIDR).path, tmp_path / "x.pth", point_ranges=ranges)
    net = perception_kd.load(path, device="cpu")
    cloud = with_column(3, np.linspace(0, given_up_to, len(CLOUD)))
    if message:
        with pytest.raises(ValueError, match=f"intensity, column 3, .*{message}"):
            net.points(cloud)
    else:
        assert net.points(cloud).any()


@pytest.mark.parametrize(
    ("imgs", "message"),
    [
        (IMGS / 255, r"uint8 in 0..255, but image 0 is float64 in 0..0: multiply by 255"),
        (IMGS[..., 0], r"image 0 has shape \(180, 320\)|has shape \(2, 180, 320\)"),
        (np.zeros((1, 180, 320, 4), np.uint8), "leave the fourth out"),
        (np.zeros((1, 0, 320, 3), np.uint8), "image 0 has no pixels"),
        (["a.jpg"], "image 0 is a str"),
        ("a.jpg", "must be images as arrays or tensors, but is a str"),
        (IMGS[:0], "imgs has no image"),
        ([[IMGS[0]], [IMGS[0].astype(float)]], r"^imgs\[1\] must be uint8"),
    ],
)
def test_wrong_images_are_named(imgs: Any, message: str, trained: Make) -> None:
    net = perception_kd.load(trained(SLIDR).path, device="cpu")
    with pytest.raises(ValueError, match=message):
        net.images(imgs)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"cam2img": CAM2IMG * [[5.0], [5], [1]]}, "image 0, which has 320 x 180 px, has its prin"),
        ({"cam2img": CAM2IMG[:1]}, "must be of the same cameras, but have 2 and 1"),
        ({"lidar2cam": LIDAR2CAM[:1], "cam2img": CAM2IMG[:1]}, "of 1 cameras, but 2 images"),
        ({"lidar2cam": LIDAR2CAM * 2}, "lidar2cam of image 0 is not rigid"),
        ({"lidar2cam": LIDAR2CAM * [[-1.0], [1], [1], [1]]}, "lidar2cam of image 0 is not rigid"),
        ({"lidar2cam": LIDAR2CAM[0]}, r"lidar2cam must have shape \(V, 4, 4\), but got \(4, 4\)"),
        ({"lidar2cam": LIDAR2CAM * np.nan}, "lidar2cam has NaN"),
        ({"lidar2cam": "front"}, "lidar2cam must be numbers"),
    ],
)
def test_a_wrong_calibration_is_named(changed: dict[str, Any], message: str, trained: Make) -> None:
    net = perception_kd.load(trained(RAD).path, device="cpu")
    calibration = {"lidar2cam": LIDAR2CAM, "cam2img": CAM2IMG}
    with pytest.raises(ValueError, match=message):
        net.bev(CLOUD, IMGS, {**calibration, **changed})


def test_what_is_missing_for_a_map_is_named(trained: Make) -> None:
    calibration = {"lidar2cam": LIDAR2CAM, "cam2img": CAM2IMG}
    fusion = perception_kd.load(trained(FUSION).path, device="cpu")
    with pytest.raises(ValueError, match="needs images for its BEV map"):
        fusion.bev(CLOUD)
    with pytest.raises(ValueError, match="needs a point cloud for its BEV map"):
        fusion.bev(None, IMGS, calibration)
    lidar = perception_kd.load(trained(DET).path, device="cpu")
    with pytest.raises(ValueError, match="has no BEV map of cameras"):
        lidar.bev(CLOUD, IMGS, calibration)
    rad = perception_kd.load(trained(RAD).path, device="cpu")
    with pytest.raises(ValueError, match="imgs and calibration must be given together"):
        rad.bev(CLOUD, IMGS)
    with pytest.raises(ValueError, match=r"with lidar2cam, .* but got \['cam2img'\]"):
        rad.bev(CLOUD, IMGS, {"cam2img": CAM2IMG})
    with pytest.raises(ValueError, match="imgs must be a list, one per sample"):
        rad.bev([CLOUD], IMGS, [calibration])
    with pytest.raises(ValueError, match=r"have \[1, 2\] samples"):
        rad.bev([CLOUD], [IMGS, IMGS], [calibration])


def test_a_part_that_a_network_lacks_is_named(trained: Make) -> None:
    lidarseg = perception_kd.load(trained(LIDARSEG).path, device="cpu")
    with pytest.raises(ValueError, match=r"PointSegmentor without net.images\(\): networks of SLi"):
        lidarseg.images(IMGS)
    with pytest.raises(ValueError, match=r"PointSegmentor without net.bev\(\)"):
        lidarseg.bev(CLOUD)
    det = perception_kd.load(trained(DET).path, device="cpu")
    with pytest.raises(ValueError, match="has no head at points; give head=False"):
        det.points(CLOUD)


def rewrite(path: Path, target: Path, **changes: Any) -> Path:
    """Copy a checkpoint with other entries of meta, or with other weights."""
    content = torch.load(path, weights_only=True)
    content["meta"].update(changes)
    torch.save(content, target)
    return target


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "does not hold the config of its training"),
        (
            "model = dict(type='os.system', command='touch {mark}')",
            "holds a os.system, which is no",
        ),
        (
            "model = dict(type='PointSegmentor', pts_voxelizer=dict(type='os.system', "
            "command='touch {mark}'), pts_seg_head=dict(type='VoxelProjection', in_channels=4))",
            "has a part of type os.system, which is not registered",
        ),
        ("model = dict(type='PointSegmentor', _scope_='os')", "sets _scope_"),
        (
            "model = dict(type='PointSegmentor', pts_backbone=dict(type='CallableTeacher', "
            "name='os:getcwd'))",
            "has a part of your own, CallableTeacher, which is a program; name the config",
        ),
        ("model = __import__('os').system('touch {mark}')", "of values and dict"),
        ("model = dict(type='mmdet.RetinaNet')", "holds a mmdet.RetinaNet, which is not a model"),
        ("model = 3", "has no model"),
    ],
)
def test_a_stored_config_is_data(text: str, message: str, trained: Make, tmp_path: Path) -> None:
    mark = tmp_path / "run"
    path = rewrite(trained(LIDARSEG).path, tmp_path / "x.pth", cfg=text.format(mark=mark))
    with pytest.raises(ValueError, match=message):
        perception_kd.load(path)
    assert not mark.exists()


def test_files_of_the_start_of_a_training_are_not_needed(trained: Make, tmp_path: Path) -> None:
    text = torch.load(trained(SLIDR).path, weights_only=True)["meta"]["cfg"]
    assert "'checkpoint': None" in text
    moved = text.replace("'checkpoint': None", "'checkpoint': '/gone/weights.pth'")
    path = rewrite(trained(SLIDR).path, tmp_path / "x.pth", cfg=moved)
    net = perception_kd.load(path, device="cpu")
    whole = perception_kd.load(trained(SLIDR).path, device="cpu")
    assert np.array_equal(net.points(CLOUD), whole.points(CLOUD))


def test_weights_that_are_not_finite_are_refused(trained: Make, tmp_path: Path) -> None:
    content = torch.load(trained(LIDARSEG).path, weights_only=True)
    next(iter(content["state_dict"].values())).view(-1)[0] = float("nan")
    torch.save(content, tmp_path / "nan.pth")
    with pytest.raises(ValueError, match="has NaN or infinity in 1 tensors"):
        perception_kd.load(tmp_path / "nan.pth")


def test_weights_of_another_network_are_refused(trained: Make, tmp_path: Path) -> None:
    content = torch.load(trained(LIDARSEG).path, weights_only=True)
    content["state_dict"]["extra.weight"] = torch.zeros(2)
    torch.save(content, tmp_path / "extra.pth")
    with pytest.raises(ValueError, match=r"has 1 tensors that its network lacks \(extra.weight\)"):
        perception_kd.load(tmp_path / "extra.pth")


def test_a_config_serves_checkpoints_without_one(trained: Make, tmp_path: Path) -> None:
    path = rewrite(trained(LIDARSEG).path, tmp_path / "old.pth", cfg="")
    net = perception_kd.load(path, config=CONFIGS / LIDARSEG, device="cpu")
    assert np.array_equal(
        net.points(CLOUD), perception_kd.load(trained(LIDARSEG).path, device="cpu").points(CLOUD)
    )


def test_a_config_needs_no_file_that_the_checkpoint_replaces(trained: Make, tmp_path: Path) -> None:
    config = tmp_path / "own.py"
    config.write_text(
        f"_base_ = [{str(CONFIGS / SLIDR)!r}]\n"
        "model = dict(img_backbone=dict(backbone=dict(checkpoint='/gone/teacher.pth')))\n"
    )
    net = perception_kd.load(trained(SLIDR).path, config=config, device="cpu")
    whole = perception_kd.load(trained(SLIDR).path, device="cpu")
    assert np.array_equal(net.images(IMGS), whole.images(IMGS))


def test_settings_of_own_classes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    own = type("OwnNeck", (nn.Module,), {"__module__": "my_package.necks"})
    monkeypatch.setitem(MODELS.module_dict, "OwnNeck", own)
    part = dict(checkpoint="a", pretrained=True, more=dict(checkpoint="b"), init_cfg="c")
    inner = dict(type="MinkUNet", checkpoint="d", pretrained="e")
    found = without_starts(
        dict(type="PointSegmentor", neck=dict(part, type="OwnNeck", inner=inner))
    )
    kept = dict(checkpoint="a", pretrained=True, more=dict(checkpoint="b"), type="OwnNeck")
    assert found["neck"] == dict(kept, inner=dict(type="MinkUNet", checkpoint=None))


def test_a_teacher_is_refused_where_there_is_none(trained: Make) -> None:
    with pytest.raises(ValueError, match="has no frozen image network as its teacher; leave"):
        perception_kd.load(trained(LIDARSEG).path, teacher="weights.pth")


def test_a_folder_gives_its_newest_whole_checkpoint(trained: Make, tmp_path: Path) -> None:
    for steps in (10, 20):
        rewrite(trained(LIDARSEG).path, tmp_path / f"epoch_{steps}.pth", iter=steps)
    whole = (tmp_path / "epoch_20.pth").read_bytes()
    assert perception_kd.load(tmp_path).path.name == "epoch_20.pth"
    (tmp_path / "epoch_20.pth").write_bytes(whole[: len(whole) // 2])
    assert perception_kd.load(tmp_path).path.name == "epoch_10.pth"
    (tmp_path / "epoch_10.pth").unlink()
    with pytest.raises(FileNotFoundError, match="No whole checkpoint in the folder"):
        perception_kd.load(tmp_path)


def test_a_folder_of_one_training_gives_its_checkpoint(trained: Make, tmp_path: Path) -> None:
    for folder in ("data", "slidr"):
        (tmp_path / folder).mkdir()
    path = rewrite(trained(LIDARSEG).path, tmp_path / "slidr" / "epoch_3.pth", iter=3)
    assert perception_kd.load(tmp_path).path == path
    (tmp_path / "prc").mkdir()
    (tmp_path / "prc" / "epoch_1.pth").touch()
    with pytest.raises(FileNotFoundError, match=r"folders below it: prc, slidr; give one of them"):
        perception_kd.load(tmp_path)
    rewrite(path, tmp_path / "epoch_1.pth", iter=1)
    assert perception_kd.load(tmp_path).path == tmp_path / "epoch_1.pth"


@pytest.mark.parametrize("device", ["cuda:99", "tpu"])
def test_a_device_that_is_not_there_is_refused(device: str, trained: Make) -> None:
    with pytest.raises(ValueError, match=r"^device"):
        perception_kd.load(trained(LIDARSEG).path, device=device)
