"""nuScenes info files against mmdet3d's converter, mmdet3d's dataset and the devkit."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mmdet3d
import numpy as np
import pytest
from mmdet3d.datasets import NuScenesDataset
from mmengine.registry import DefaultScope
from numpy.typing import NDArray
from nuscenes.nuscenes import NuScenes
from nuscenes.utils.data_classes import LidarPointCloud
from nuscenes.utils.geometry_utils import transform_matrix
from PIL import Image
from pyquaternion import Quaternion

from perception_kd.datasets.conversion import Converted
from perception_kd.datasets.nuscenes import json_records
from perception_kd.datasets.nuscenes.converter import convert_nuscenes
from perception_kd.datasets.nuscenes.options import SceneOptions
from perception_kd.geometry.projection import project_points
from perception_kd.io.info_file import read_info, resolve_path
from tests.fake_data import make_nuscenes

MINI = "v1.0-mini"
CONVERTERS = Path(mmdet3d.__file__).parent / ".mim" / "tools" / "dataset_converters"


def convert(root: Path, out_dir: Path, version: str = MINI, **settings: Any) -> Converted:
    settings = {"workers": 0, "progress": False} | settings
    return convert_nuscenes(root, version, out_dir, **settings)


@pytest.fixture(scope="module")
def train_info(fake_nuscenes: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return read_info(convert(fake_nuscenes, tmp_path_factory.mktemp("infos")).paths["train"])


@pytest.fixture
def copied_nuscenes(fake_nuscenes: Path, tmp_path: Path) -> Path:
    """Return a tree that may be damaged."""
    return Path(shutil.copytree(fake_nuscenes, tmp_path / "nuscenes"))


@pytest.fixture(params=["fake", "real"])
def any_nuscenes(request: pytest.FixtureRequest, fake_nuscenes: Path) -> Path:
    if request.param == "fake":
        return fake_nuscenes
    if "PERCEPTION_KD_REAL_DATA" not in os.environ:
        pytest.skip("PERCEPTION_KD_REAL_DATA is not set")
    return Path(os.environ["PERCEPTION_KD_REAL_DATA"]) / "nuscenes"


# Against mmdet3d's own converter and dataset.


def load_converter(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, CONVERTERS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def convert_with_mmdet3d(root: Path, folder: Path) -> dict[str, Any]:
    """Run both steps of mmdet3d's converter; return its info file by split."""
    # It writes into the data set, and its second step only looks under ./data/nuscenes.
    data = folder / "data" / "nuscenes"
    data.mkdir(parents=True)
    for child in root.iterdir():
        (data / child.name).symlink_to(child)
    load_converter("nuscenes_converter").create_nuscenes_infos("data/nuscenes", "nuscenes", MINI)
    infos = {}
    for split in ("train", "val"):
        name = f"nuscenes_infos_{split}.pkl"
        update = load_converter("update_infos_to_v2").update_nuscenes_infos
        update(f"data/nuscenes/{name}", str(folder))
        infos[split] = np.load(folder / name, allow_pickle=True)
    return infos


def assert_covers(ours: Any, theirs: Any, where: str) -> None:
    """Check that what mmdet3d has, we have: names exactly, numbers to 1e-6."""
    if isinstance(theirs, dict):
        for key, value in theirs.items():
            if value is not None:  # mmdet3d leaves some keys of sweeps empty
                assert key in ours, f"{where}.{key}"
                assert_covers(ours[key], value, f"{where}.{key}")
    elif where.endswith("lidar_points.lidar_path"):
        # mmdet3d's sweeps carry the root, which its dataset takes off again.
        assert theirs.endswith(ours), where
    elif isinstance(theirs, str):
        assert ours == theirs, where
    elif isinstance(theirs, list) and theirs and isinstance(theirs[0], dict):
        assert len(ours) == len(theirs), where
        for i, (our, their) in enumerate(zip(ours, theirs, strict=True)):
            assert_covers(our, their, f"{where}[{i}]")
    else:
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6, err_msg=where)


def test_has_every_field_of_mmdet3d_s_converter(
    any_nuscenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    theirs = convert_with_mmdet3d(any_nuscenes, tmp_path)
    options = SceneOptions(camera_boxes=True)
    converted = convert(any_nuscenes, tmp_path / "ours", options=options)
    for split, path in converted.paths.items():
        ours = read_info(path)
        assert_covers(ours["metainfo"], theirs[split]["metainfo"], "metainfo")
        assert_covers(ours["data_list"], theirs[split]["data_list"], split)
        assert sum(len(x["instances"]) for x in ours["data_list"]) > 20
        assert sum(len(x["cam_instances"]["CAM_FRONT"]) for x in ours["data_list"]) > 2


def make_mmdet3d_dataset(info_file: Path, root: Path, **settings: Any) -> NuScenesDataset:
    prefix = read_info(info_file)["metainfo"]["data_prefix"]
    with DefaultScope.overwrite_default_scope("mmdet3d"):
        return NuScenesDataset(
            data_root=str(root),
            ann_file=str(info_file),
            data_prefix={"sweeps": "sweeps/LIDAR_TOP"} | prefix,
            **settings,
        )


def test_mmdet3d_s_dataset_loads_samples(fake_nuscenes: Path, tmp_path: Path) -> None:
    info_file = convert(fake_nuscenes, tmp_path).paths["val"]
    pipeline = [
        {"type": "LoadPointsFromFile", "coord_type": "LIDAR", "load_dim": 5, "use_dim": 5},
        {"type": "LoadPointsFromMultiSweeps", "sweeps_num": 2, "use_dim": [0, 1, 2, 4]},
        {"type": "LoadMultiViewImageFromFiles", "num_views": 6, "num_ref_frames": 0},
        {"type": "LoadAnnotations3D", "with_bbox_3d": True, "with_label_3d": True},
        {"type": "Pack3DDetInputs", "keys": ["points", "img", "gt_bboxes_3d", "gt_labels_3d"]},
    ]
    modality = {"use_lidar": True, "use_camera": True}
    dataset = make_mmdet3d_dataset(info_file, fake_nuscenes, pipeline=pipeline, modality=modality)
    sample = dataset[1]
    boxes = sample["data_samples"].gt_instances_3d.bboxes_3d
    info = read_info(info_file)["data_list"][1]
    seen = [x for x in info["instances"] if x["num_lidar_pts"] > 0]
    np.testing.assert_allclose(boxes.gravity_center, [x["bbox_3d"][:3] for x in seen], atol=1e-4)
    assert len(sample["inputs"]["img"]) == 6
    keyframe = np.fromfile(dataset.get_data_info(1)["lidar_path"], np.float32)
    assert len(sample["inputs"]["points"]) > 2 * len(keyframe) / 5


def test_mmdet3d_s_monocular_dataset_loads_camera_boxes(
    fake_nuscenes: Path, tmp_path: Path
) -> None:
    options = SceneOptions(camera_boxes=True)
    info_file = convert(fake_nuscenes, tmp_path, options=options).paths["train"]
    dataset = make_mmdet3d_dataset(
        info_file,
        fake_nuscenes,
        load_type="mv_image_based",
        box_type_3d="Camera",
        use_valid_flag=True,
        modality={"use_lidar": False, "use_camera": True},
    )
    assert len(dataset) == 2 * 6
    assert sum(len(dataset.get_ann_info(i)["gt_labels_3d"]) for i in range(12)) > 10


# Against the devkit.


def sensor2global(nusc: NuScenes, token: str) -> NDArray[np.float64]:
    frame = nusc.get("sample_data", token)
    chain = np.eye(4)
    for table in ("calibrated_sensor", "ego_pose"):
        record = nusc.get(table, frame[f"{table}_token"])
        pose = transform_matrix(record["translation"], Quaternion(record["rotation"]))
        chain = pose @ chain
    return chain


def test_convention_lidar2cam_includes_the_ego_motion(
    fake_nuscenes: Path, train_info: dict[str, Any]
) -> None:
    nusc = NuScenes(MINI, str(fake_nuscenes), verbose=False)
    for sample in train_info["data_list"]:
        lidar2global = sensor2global(nusc, sample["lidar_points"]["sample_data_token"])
        sweeps = [image for images in sample.get("camera_sweeps", {}).values() for image in images]
        for image in [*sample["images"].values(), *sweeps]:
            cam2global = sensor2global(nusc, image["sample_data_token"])
            expected = np.linalg.inv(cam2global) @ lidar2global
            np.testing.assert_allclose(image["lidar2cam"], expected, atol=1e-6)
            own = np.array(image["ego2global"]) @ image["cam2ego"]
            np.testing.assert_allclose(own, cam2global, atol=1e-4)


def test_sweeps_gather_as_in_the_devkit(fake_nuscenes: Path, train_info: dict[str, Any]) -> None:
    nusc = NuScenes(MINI, str(fake_nuscenes), verbose=False)
    sample = train_info["data_list"][1]
    record = nusc.get("sample", sample["token"])
    expected, lags = LidarPointCloud.from_file_multisweep(
        nusc, record, "LIDAR_TOP", "LIDAR_TOP", nsweeps=3, min_distance=0.0
    )
    gathered, own_lags = [], []
    for sweep in sample["lidar_sweeps"]:
        path = fake_nuscenes / sweep["lidar_points"]["lidar_path"]
        points = np.fromfile(path, np.float32).reshape(-1, 5)[:, :3]
        sweep2lidar = np.array(sweep["sweep2lidar"])
        gathered.append(points @ sweep2lidar[:3, :3].T + sweep2lidar[:3, 3])
        own_lags += [sample["timestamp"] - sweep["timestamp"]] * len(points)
    assert len(gathered) == 2
    count = sum(map(len, gathered))
    np.testing.assert_allclose(np.vstack(gathered), expected.points[:3, -count:].T, atol=1e-4)
    np.testing.assert_allclose(own_lags, lags[0, -count:], atol=1e-5)


def test_points_of_cars_fall_on_cars(fake_nuscenes: Path, train_info: dict[str, Any]) -> None:
    # Cars are the only red things in the made-up street.
    head, red = train_info["metainfo"], []
    for sample in train_info["data_list"]:
        path = resolve_path(head, "pts", sample["lidar_points"]["lidar_path"])
        points = np.fromfile(fake_nuscenes / path, np.float32).reshape(-1, 5)[:, :3]
        path = resolve_path(head, "pts_semantic_mask", sample["pts_semantic_mask_path"])
        labels = np.fromfile(fake_nuscenes / path, np.uint8)
        for camera, image in sample["images"].items():
            img = np.asarray(
                Image.open(fake_nuscenes / resolve_path(head, camera, image["img_path"]))
            )
            assert img.shape == (image["height"], image["width"], 3)
            lidar2cam, cam2img = np.array(image["lidar2cam"]), np.array(image["cam2img"])
            projection = project_points(points[labels == 17], lidar2cam, cam2img, img.shape[:2])
            col, row = projection.pixels[projection.visible].round().astype(int).T
            color = img[row, col].astype(int)
            red.append(color[:, 0] > color[:, 1:].max(axis=1) + 60)
    assert sum(map(len, red)) > 300
    assert np.concatenate(red).mean() > 0.9


# What else is in the files, and what is left out.


def test_files_hold_what_the_schema_promises(
    fake_nuscenes: Path, train_info: dict[str, Any]
) -> None:
    first, second = train_info["data_list"]
    assert (first["scene_name"], first["sample_idx"], second["sample_idx"]) == ("scene-0061", 0, 1)
    assert "lidar_sweeps" not in first
    assert "camera_sweeps" not in first
    assert len(second["lidar_sweeps"]) == len(second["camera_sweeps"]["CAM_BACK"]) == 2
    # In nuScenes a keyframe has the time of its LiDAR sweep.
    assert first["lidar_points"]["timestamp"] == first["timestamp"] == 1533151603.5
    assert second["timestamp"] == 1533151604.0
    for paths in second["lidar_sweeps"]:
        assert (fake_nuscenes / paths["lidar_points"]["lidar_path"]).is_file()
    for images in second["camera_sweeps"].values():
        assert all((fake_nuscenes / image["img_path"]).is_file() for image in images)


def test_sweeps_are_limited_and_nearest_first(tmp_path: Path) -> None:
    root = make_nuscenes(tmp_path / "nuscenes", 1, sweeps=4, img_size=(18, 32), num_azimuths=12)
    options = SceneOptions(max_sweeps=3, max_camera_sweeps=0)
    info = read_info(convert(root, tmp_path, options=options).paths["train"])
    second = info["data_list"][1]
    lags = [second["timestamp"] - sweep["timestamp"] for sweep in second["lidar_sweeps"]]
    np.testing.assert_allclose(lags, [0.1, 0.2, 0.3], atol=1e-5)
    assert "camera_sweeps" not in second


def test_splits_follow_the_version(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"samples_per_scene": 1, "sweeps": 0, "img_size": (18, 32)}
    root = make_nuscenes(tmp_path / "nuscenes", num_scenes=4, **settings)
    make_nuscenes(root, num_scenes=3, version="v1.0-trainval", **settings)
    make_nuscenes(root, version="v1.0-test", **settings)
    scenes = {}
    for version in (MINI, "v1.0-trainval", "v1.0-test"):
        converted = convert(root, tmp_path / version, version)
        for split, path in converted.paths.items():
            scenes[version, split] = [x["scene_name"] for x in read_info(path)["data_list"]]
    assert scenes == {
        (MINI, "train"): ["scene-0061", "scene-0553"],
        (MINI, "val"): ["scene-0103", "scene-0916"],
        ("v1.0-trainval", "train"): ["scene-0001", "scene-0002"],
        ("v1.0-trainval", "val"): ["scene-0003"],
        ("v1.0-test", "test"): ["scene-0077", "scene-0078"],
    }


def test_the_test_version_has_no_annotations(tmp_path: Path) -> None:
    root = make_nuscenes(tmp_path / "nuscenes", version="v1.0-test", sweeps=0)
    options = SceneOptions(camera_boxes=True)
    converted = convert(root, tmp_path, "v1.0-test", options=options)
    for sample in read_info(converted.paths["test"])["data_list"]:
        assert sample["instances"] == []
        assert not {"cam_instances", "pts_semantic_mask_path"} & sample.keys()


def test_works_without_point_labels(tmp_path: Path) -> None:
    root = make_nuscenes(tmp_path / "nuscenes", lidarseg=False)
    sample = read_info(convert(root, tmp_path).paths["train"])["data_list"][0]
    assert "pts_semantic_mask_path" not in sample
    assert sample["instances"]


def test_workers_change_nothing(fake_nuscenes: Path, tmp_path: Path) -> None:
    one, two = (convert(fake_nuscenes, tmp_path, workers=n, prefix=str(n)) for n in (0, 2))
    assert one.num_samples == two.num_samples == {"train": 2, "val": 2}
    for split in one.paths:
        first, second = (read_info(x.paths[split])["data_list"] for x in (one, two))
        assert first == second


def test_scenes_without_sweeps_or_images_are_skipped(copied_nuscenes: Path, tmp_path: Path) -> None:
    images = sorted(copied_nuscenes.glob("samples/CAM_*/scene-0103*"))
    for image in images:
        image.unlink()
    converted = convert(copied_nuscenes, tmp_path)
    assert converted.num_samples == {"train": 2}
    assert list(converted.skipped) == ["scene-0103"]
    assert "samples/CAM_FRONT/" in converted.skipped["scene-0103"]


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"")])
def test_a_missing_image_is_one_view_less(
    copied_nuscenes: Path, tmp_path: Path, damage: Callable[[Path], Any]
) -> None:
    image = max(copied_nuscenes.glob("samples/CAM_BACK/scene-0103*"))
    damage(image)
    converted = convert(copied_nuscenes, tmp_path)
    assert converted.num_samples == {"train": 2, "val": 2}
    samples = read_info(converted.paths["val"])["data_list"]
    assert [len(sample["images"]) for sample in samples] == [6, 5]
    name = image.relative_to(copied_nuscenes).as_posix()
    what = "1 of 4 keyframes without an image of CAM_BACK, which is missing or empty, such as"
    assert f"{what} {name}." in converted.remarks


def test_boxes_across_their_objects_are_named(copied_nuscenes: Path, tmp_path: Path) -> None:
    assert convert(copied_nuscenes, tmp_path).remarks == []
    path = copied_nuscenes / MINI / "sample_annotation.json"
    records = json.loads(path.read_text())
    for record in records:
        width, length, height = record["size"]
        record["size"] = [length, width, height]
    path.write_text(json.dumps(records))
    text = convert(copied_nuscenes, tmp_path).remarks[0]
    assert text.startswith("Boxes of vehicle.car hold ")
    assert "if they are turned by 90 degrees" in text


def test_a_missing_sweep_is_one_keyframe_less(copied_nuscenes: Path, tmp_path: Path) -> None:
    sweep = min(copied_nuscenes.glob("samples/LIDAR_TOP/scene-0103*"))
    sweep.unlink()
    converted = convert(copied_nuscenes, tmp_path)
    assert converted.num_samples == {"train": 2, "val": 1}
    name = sweep.relative_to(copied_nuscenes).as_posix()
    what = "1 of 4 keyframes left out, whose sweep is missing or empty, such as"
    assert f"{what} {name}." in converted.remarks


def test_strict_takes_no_missing_file(copied_nuscenes: Path, tmp_path: Path) -> None:
    image = next(copied_nuscenes.glob("samples/CAM_BACK/scene-0103*"))
    image.unlink()
    with pytest.raises(
        FileNotFoundError, match=f"{image.name}, of a keyframe of scene-0103, is missing"
    ):
        convert(copied_nuscenes, tmp_path / "out", options=SceneOptions(strict=True))
    assert list((tmp_path / "out").iterdir()) == []


def test_sweeps_that_are_not_on_disk_are_counted(copied_nuscenes: Path, tmp_path: Path) -> None:
    shutil.rmtree(copied_nuscenes / "sweeps")
    converted = convert(copied_nuscenes, tmp_path)
    assert converted.num_missing_sweeps == 2 * 7
    assert "lidar_sweeps" not in read_info(converted.paths["train"])["data_list"][1]


def test_no_complete_scene_is_an_error(copied_nuscenes: Path, tmp_path: Path) -> None:
    shutil.rmtree(copied_nuscenes / "samples" / "LIDAR_TOP")
    with pytest.raises(
        FileNotFoundError, match=r"All 2 scenes in .* lack files, such as scene-0061: samples/"
    ):
        convert(copied_nuscenes, tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"workers": -1}, "workers must be at least 0, but got -1"),
        ({"max_sweeps": -1}, "max_sweeps must be at least 0, but got -1"),
        ({"max_camera_sweeps": -2}, "max_camera_sweeps must be at least 0, but got -2"),
    ],
)
def test_negative_numbers_are_refused(
    fake_nuscenes: Path, tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    workers = settings.pop("workers", 0)
    with pytest.raises(ValueError, match=message):
        convert(fake_nuscenes, tmp_path, options=SceneOptions(**settings), workers=workers)


@pytest.mark.slow
def test_an_interrupted_conversion_leaves_and_prints_nothing(
    fake_nuscenes: Path, tmp_path: Path
) -> None:
    # A terminal sends the signal to all processes of the group. A shell in the
    # background has it ignored, which processes inherit, so the handler is set as in a
    # terminal.
    script = f"""
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from perception_kd.datasets.nuscenes import converter
run_jobs = converter.run_jobs
def stop_after_one(*args, **options):
    for result in run_jobs(*args, **options):
        os.killpg(0, signal.SIGINT)
        yield result
converter.run_jobs = stop_after_one
from tools import create_data
options = ["--root", {str(fake_nuscenes)!r}, "--version", {MINI!r}, "--out-dir"]
raise SystemExit(create_data.main(["nuscenes", *options, {str(tmp_path / "out")!r}]))
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, start_new_session=True)
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_scenes_of_no_split_are_named(copied_nuscenes: Path, tmp_path: Path) -> None:
    table = copied_nuscenes / MINI / "scene.json"
    table.write_text(table.read_text().replace("scene-0103", "my-scene"))
    converted = convert(copied_nuscenes, tmp_path)
    assert converted.skipped == {"my-scene": "in no split of v1.0-mini"}


def rename_version(root: Path) -> None:
    (root / MINI).rename(root / "v1.0-trainval")


def remove_table(root: Path) -> None:
    (root / MINI / "ego_pose.json").unlink()


def cut_table(root: Path) -> None:
    table = root / MINI / "sample_data.json"
    table.write_text(table.read_text()[:-300])


def remove_record(root: Path) -> None:
    table = root / MINI / "ego_pose.json"
    table.write_text(json.dumps(json.loads(table.read_text())[1:]))


def replace_table(root: Path) -> None:
    (root / MINI / "sample.json").write_text('{"not": "a list"}')


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shutil.rmtree, r"--root must be the folder of nuScenes, but .* is not a folder"),
        (rename_version, r"there is no .*v1.0-mini; give --version v1.0-trainval"),
        (
            remove_table,
            r"v1.0-mini must hold all tables that are read, but ego_pose.json",
        ),
        (cut_table, r"sample_data.json is broken or truncated"),
        (
            replace_table,
            r"sample.json must be a JSON list of records, but it starts",
        ),
        (
            remove_record,
            r"sample_data.json, record '\w+': ego_pose_token is '\w+', which is missing",
        ),
    ],
)
def test_damaged_tables_are_named(
    copied_nuscenes: Path, tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    damage(copied_nuscenes)
    with pytest.raises((FileNotFoundError, ValueError), match=message):
        convert(copied_nuscenes, tmp_path / "out")
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("chars", [1, 7, 100])
def test_tables_are_read_in_any_chunks(
    fake_nuscenes: Path, monkeypatch: pytest.MonkeyPatch, chars: int
) -> None:
    monkeypatch.setattr(json_records, "_CHUNK_CHARS", chars)
    path = fake_nuscenes / MINI / "category.json"
    records = list(json_records.read_records(path))
    assert [record for record, _ in records] == json.loads(path.read_text())
    assert [json.loads(text) for _, text in records] == json.loads(path.read_text())
