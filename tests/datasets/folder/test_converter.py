"""The conversion of a folder: the same as nuScenes', and a line for each fault."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from perception_kd.datasets.camera_lidar_dataset import CameraLidarDataset
from perception_kd.datasets.conversion import Converted
from perception_kd.datasets.folder.calibration import scale_intrinsics
from perception_kd.datasets.folder.converter import convert_folder
from perception_kd.datasets.nuscenes.converter import convert_nuscenes
from perception_kd.datasets.transforms import LoadImages, LoadPoints
from perception_kd.io.info_file import read_info
from tests.datasets.folder.drives import CAMERAS, make_drive
from tests.fake_data import make_nuscenes

Change = Callable[[dict[str, Any]], Any]


@pytest.fixture(scope="module")
def nuscenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("drives") / "nuscenes"
    make_nuscenes(root, img_size=(90, 160), num_azimuths=72)
    convert_nuscenes(root, "v1.0-mini", progress=False, workers=0)
    return root


@pytest.fixture(scope="module")
def drive(nuscenes: Path) -> Path:
    return make_drive(nuscenes, nuscenes.parent / "drive")


@pytest.fixture
def root(drive: Path, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(drive, tmp_path / "drive"))


def edit(root: Path, change: Change) -> None:
    path = root / "rig.yaml"
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def convert(root: Path, **settings: Any) -> Converted:
    return convert_folder(root, out_dir=root.parent / "out", progress=False, workers=0, **settings)


def open_samples(root: Path, split: str = "train", **settings: Any) -> CameraLidarDataset:
    out = str(root.parent / "out")
    return CameraLidarDataset(f"folder_infos_{split}.pkl", str(root), out, **settings)


def read_nuscenes(root: Path) -> list[Any]:
    """Return samples of both splits with points."""
    steps = [LoadPoints(num_sweeps=1)]
    names = ("nuscenes_infos_train.pkl", "nuscenes_infos_val.pkl")
    return [x for name in names for x in CameraLidarDataset(name, str(root), pipeline=steps)]


@pytest.mark.parametrize("suffix", [".bin", ".pcd"])
def test_matrices_and_points_are_those_of_nuscenes(
    nuscenes: Path, tmp_path: Path, suffix: str
) -> None:
    root = make_drive(nuscenes, tmp_path / "drive", suffix)
    convert(root)
    found = {x["timestamp"]: x for x in open_samples(root, pipeline=[LoadPoints(num_sweeps=1)])}
    expected = read_nuscenes(nuscenes)
    assert len(found) == len(expected) == 4
    for sample in expected:
        twin = found[sample["timestamp"]]
        assert np.allclose(twin["points"], sample["points"], atol=1e-6)
        assert twin["cam_names"] == [name for name, _, _ in CAMERAS.values()]
        views = [sample["cam_names"].index(channel) for channel in CAMERAS]
        # nuScenes' are stored in single precision.
        assert np.allclose(twin["lidar2cam"], sample["lidar2cam"][views], atol=1e-6)
        assert np.allclose(twin["lidar2ego"], sample["lidar2ego"], atol=1e-6)
        assert np.allclose(twin["cam2img"][[0, 2]], sample["cam2img"][views][[0, 2]], atol=1e-9)
        half = scale_intrinsics(sample["cam2img"][views][1], (160, 90), (80, 45))
        assert np.allclose(twin["cam2img"][1], half)


def test_images_of_each_camera_have_their_own_size(root: Path) -> None:
    convert(root)
    sample = open_samples(root, pipeline=[LoadImages()])[0]
    sizes = [image.shape[1::-1] for image in sample["imgs"]]
    assert sizes == [size for _, size, _ in CAMERAS.values()]


def test_scaled_intrinsics_keep_the_place_of_a_pixel() -> None:
    matrix = np.array([[100.0, 0, 50], [0, 90, 40], [0, 0, 1]])
    half = scale_intrinsics(matrix, (160, 90), (80, 45))
    # The centers of the outer edges of an image stay edges: -0.5 and W - 0.5.
    for u, small in ((-0.5, -0.5), (159.5, 79.5)):
        x = (u - matrix[0, 2]) / matrix[0, 0]
        assert half[0, 0] * x + half[0, 2] == pytest.approx(small)


def test_a_recording_without_poses_says_what_is_off(root: Path) -> None:
    edit(root, lambda x: x.pop("poses"))
    converted = convert(root)
    assert any("No poses: frames have no earlier sweeps" in x for x in converted.remarks)
    info = read_info(converted.paths["train"])
    assert not info["metainfo"]["has_poses"]
    assert all("lidar_sweeps" not in x for x in info["data_list"])


def test_a_lidar_alone_is_converted(root: Path) -> None:
    edit(root, lambda x: x.pop("cameras"))
    converted = convert(root)
    assert any("No cameras" in remark for remark in converted.remarks)
    assert open_samples(root)[0]["cam_names"] == []
    assert open_samples(root, cameras=[])[0]["cam_names"] == []


def test_frames_without_an_image_have_one_view_less(root: Path) -> None:
    min(root.glob("scene-0061/images L/*")).unlink()
    converted = convert(root)
    assert any("cameras.L.files: 1 of 4 frames have no image" in x for x in converted.warnings)
    views = [len(sample["cam_names"]) for sample in open_samples(root)]
    assert sorted(views) == [2, 3, 3, 3]


def test_scenes_are_cut_at_gaps_and_split_by_name(root: Path) -> None:
    edit(root, lambda x: x["frames"].update(scene_gap_s=0.2))
    edit(root, lambda x: x.update(splits={"train": ["*_000"], "val": ["*-0061_001"]}))
    converted = convert(root)
    scenes = {
        split: {x["scene_name"] for x in read_info(path)["data_list"]}
        for split, path in converted.paths.items()
    }
    assert scenes == {"train": {"scene-0061_000", "scene-0103_000"}, "val": {"scene-0061_001"}}
    assert any("scenes are in no split" in remark for remark in converted.remarks)


def test_a_split_by_time_keeps_a_gap(root: Path) -> None:
    edit(root, lambda x: x["frames"].update(every_s=0))
    edit(root, lambda x: x.update(splits={"val_share": 0.3, "guard_s": 0.3}))
    converted = convert(root)
    infos = {name: read_info(path)["data_list"] for name, path in converted.paths.items()}
    train, val = ({x["scene_name"] for x in infos[name]} for name in ("train", "val"))
    assert not train & val
    assert any("between training and validation were left out" in x for x in converted.remarks)


def test_info_files_may_move_with_their_images(root: Path, tmp_path: Path) -> None:
    distortion = {"model": "opencv", "coefficients": [-0.2, 0.05, 0.001, 0, 0]}
    edit(root, lambda x: x["cameras"]["weitwinkel"].update(distortion=distortion))
    converted = convert(root)
    moved = tmp_path / "elsewhere"
    shutil.move(converted.paths["train"].parent, moved)
    data_set = CameraLidarDataset(
        "folder_infos_train.pkl", str(root), str(moved), pipeline=[LoadImages()]
    )
    sample = data_set[0]
    assert sample["img_paths"][0].startswith(str(moved / "undistorted"))
    assert sample["img_paths"][1].startswith(str(root))
    assert sample["imgs"][0].shape == (90, 160, 3)


FAULTS: dict[str, tuple[Change, str]] = {
    "columns": (
        lambda x: x["lidar"].update(columns=["x", "y", "z", "intensity", "ring"]),
        "lidar.columns: ",
    ),
    "shuffled": (
        lambda x: x["lidar"].update(columns=["x", "y", "z", "ring", "pad", "intensity"]),
        "lidar.",
    ),
    "no files": (
        lambda x: x["cameras"]["L"].update(files="{scene}/pictures/*.png"),
        "cameras.L.files: no file in",
    ),
    "unit": (lambda x: x["poses"].update(unit="ns"), "poses: no sweep is between poses of"),
    "never": (
        lambda x: x["cameras"]["L"].update(
            times={"from": "names", "unit": "us", "offset_s": 3600.0}
        ),
        "cameras.L.times: no image is within 0.06 s of a sweep; images are from",
    ),
    "pattern": (
        lambda x: x["times"].update(pattern="scan_{time}"),
        ".times: the pattern 'scan_{time}' does not fit",
    ),
    "inverse": (
        lambda x: [
            camera.update(ego2cam=camera.pop("cam2ego")) for camera in x["cameras"].values()
        ],
        "cameras.weitwinkel.ego2cam: is this cam2ego?",
    ),
    "intrinsics": (
        lambda x: x["cameras"]["L"].update(intrinsics=[10000, 10000, 80, 40]),
        "cameras.L.intrinsics has a focal length fx of 10000 px",
    ),
    "size": (
        lambda x: x["cameras"]["L"].update(intrinsics=[120, 120, 500, 40]),
        "cameras.L.intrinsics has its principal point at cx = 500 px, outside",
    ),
    "lookup": (
        lambda x: x["cameras"]["L"]["intrinsics"].update(key="CAM_FRONT_LEFT.k"),
        "has no key 'CAM_FRONT_LEFT.k'",
    ),
    "split": (
        lambda x: x.update(splits={"train": ["monday"]}),
        "splits.train: no scene is called 'monday'; scenes are scene-0061, scene-0103",
    ),
    "twice": (
        lambda x: x.update(splits={"train": ["*"], "val": ["scene-0061"]}),
        "the scene scene-0061 is in train and in val",
    ),
    "guard": (
        lambda x: x.update(splits={"val_share": 0.5, "guard_s": 100}),
        "guard_s 100 leaves no frame for train",
    ),
    "intensity": (
        lambda x: x["lidar"].update(intensity_max=1),
        "lidar.intensity_max is 1, but intensities of",
    ),
    "unit_m": (lambda x: x["lidar"].update(unit="mm"), "lidar.unit: 95 % of the points of"),
    "shared": (
        lambda x: x["cameras"]["L"].update(files="{scene}/images */*.png"),
        "cameras.7-rear.b.files and cameras.L.files both match scene-0061/images 7-rear.b/",
    ),
    "cm": (
        lambda x: x["lidar"]["lidar2ego"].update(translation=[94, 0, 184]),
        "cameras.weitwinkel.cam2ego: the camera is 20",
    ),
    "upside down": (
        lambda x: x["lidar"].update(axes=["forward", "right", "down"]),
        "lidar.axes: with [forward, right, down], points of",
    ),
    "axes": (
        lambda x: x["lidar"].update(columns=["ring", "x", "z", "y", "pad", "intensity"]),
        "lidar.axes: points of",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_name_file_key_and_remedy(root: Path, name: str) -> None:
    change, words = FAULTS[name]
    edit(root, change)
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        convert(root)
    assert f"{root / 'rig.yaml'}: " in str(caught.value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list((root.parent / "out").glob("*.pkl"))


def test_a_missing_field_is_named_by_keys_of_the_rig(nuscenes: Path, tmp_path: Path) -> None:
    root = make_drive(nuscenes, tmp_path / "drive", ".pcd")
    edit(root, lambda x: x["lidar"].update(intensity="reflectivity"))
    with pytest.raises(ValueError, match="has no field 'reflectivity'") as caught:
        convert(root)
    assert "in lidar.position, and that of intensities in lidar.intensity" in str(caught.value)
    assert "lidar_points" not in str(caught.value)


def test_images_of_two_sizes_in_one_camera_are_refused(root: Path) -> None:
    path = max(root.glob("scene-0103/images L/*"))
    Image.new("RGB", (64, 48)).save(path)
    with pytest.raises(ValueError, match=r"cameras\.L\.files: .* has 64 x 48 px, but others"):
        convert(root)


def test_files_by_order_need_equal_numbers(root: Path) -> None:
    edit(root, lambda x: x.update(times={"from": "order", "rate_hz": 4}))
    edit(root, lambda x: x.pop("poses"))
    sorted(root.glob("*/images L/*"))[1].unlink()
    with pytest.raises(ValueError, match=r"pairs would be wrong after the first missing file"):
        convert(root)


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"No recording at .*; give its folder as --root"):
        convert_folder(tmp_path / "no")
    with pytest.raises(FileNotFoundError, match=r"No rig file at .*; make a first one"):
        convert_folder(tmp_path)


@pytest.mark.parametrize("name", ["pts", "lidar"])
def test_names_that_info_files_use_are_refused(root: Path, name: str) -> None:
    edit(root, lambda x: x["cameras"].update({name: x["cameras"].pop("L")}))
    with pytest.raises(ValueError, match=rf"cameras\.{name} has a name that info files use"):
        convert(root)


def test_a_distortion_without_a_pinhole_view_is_refused(root: Path) -> None:
    distortion = {"model": "fisheye", "coefficients": [-30.0, 0, 0, 0]}
    edit(root, lambda x: x["cameras"]["L"].update(distortion=distortion))
    with pytest.raises(
        ValueError, match=r"cameras\.L\.distortion: no view without distortion fits"
    ):
        convert(root)
