"""SemanticKITTI info files against the calibration's own formulas and the images."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from perception_kd.datasets.conversion import Converted
from perception_kd.datasets.semantickitti.converter import convert_semantickitti
from perception_kd.datasets.semantickitti.labels import (
    SEMANTICKITTI_CLASSES,
    semantickitti_label_mapping,
)
from perception_kd.datasets.semantickitti.options import SequenceOptions
from perception_kd.datasets.semantickitti.sequence_files import read_calibration
from perception_kd.geometry.projection import project_points
from perception_kd.io.info_file import read_info
from tests.fake_data import make_semantickitti

Array = NDArray[np.floating[Any]]


def convert(root: Path, out_dir: Path, **settings: Any) -> Converted:
    return convert_semantickitti(root, out_dir, progress=False, **settings)


@pytest.fixture
def small_copy(tmp_path: Path) -> Path:
    """Return a small tree that may be damaged."""
    return make_semantickitti(tmp_path / "small", (0,), 2, img_size=(24, 80), num_azimuths=12)


def read_points(root: Path, sample: dict[str, Any]) -> Array:
    path = root / sample["lidar_points"]["lidar_path"]
    return np.fromfile(path, np.float32).reshape(-1, 4)[:, :3]


def read_rows(path: Path) -> dict[str, Array]:
    pairs = (line.split(":") for line in path.read_text().splitlines())
    return {name: np.array(row.split(), float).reshape(3, 4) for name, row in pairs}


def test_splits_are_the_official_ones(fake_semantickitti: Path, tmp_path: Path) -> None:
    converted = convert(fake_semantickitti, tmp_path)
    assert converted.num_samples == {"train": 6, "val": 3}
    missing = [1, 2, 3, 4, 5, 6, 9, 10, *range(11, 22)]
    assert list(converted.skipped) == [f"{x:02d}" for x in missing]
    train = read_info(converted.paths["train"])["data_list"]
    assert [x["scene_name"] for x in train] == ["00"] * 3 + ["07"] * 3
    assert [x["sample_idx"] for x in train] == list(range(6))
    assert train[4]["token"] == "07_000001"


def test_any_sequence_can_be_held_out(fake_semantickitti: Path, tmp_path: Path) -> None:
    splits = {"train": [0, 8], "val": [7]}
    converted = convert(fake_semantickitti, tmp_path, splits=splits)
    for split, sequences in splits.items():
        info = read_info(converted.paths[split])
        assert {int(x["scene_name"]) for x in info["data_list"]} == set(sequences)
        assert "--train-sequences 0 8 --val-sequences 7" in info["metainfo"]["command"]


def project_by_p2(root: Path, points: Array, sequence: str) -> tuple[Array, Array]:
    """Project as KITTI's papers say, ``P2 @ Tr @ x``; return pixels and depths."""
    rows = read_rows(root / "sequences" / sequence / "calib.txt")
    homogeneous = np.column_stack([points, np.ones(len(points))])
    points_cam0 = homogeneous @ rows["Tr"].T
    projected = np.column_stack([points_cam0, np.ones(len(points))]) @ rows["P2"].T
    return projected[:, :2] / projected[:, 2:], projected[:, 2]


def check_projection(root: Path, out_dir: Path, sequence: str) -> None:
    converted = convert(root, out_dir, splits={"val": [int(sequence)]})
    sample = read_info(converted.paths["val"])["data_list"][0]
    points, image = read_points(root, sample), sample["images"]["CAM2"]
    lidar2cam, cam2img = np.array(image["lidar2cam"]), np.array(image["cam2img"])
    projection = project_points(points, lidar2cam, cam2img, (image["height"], image["width"]))
    pixels, depth = project_by_p2(root, points, sequence)
    assert projection.visible.sum() > 1000
    seen = projection.visible
    np.testing.assert_allclose(projection.pixels[seen], pixels[seen], atol=1e-6)
    np.testing.assert_allclose(projection.depth[seen], depth[seen], atol=1e-6)


def test_convention_projection_matches_p2_with_its_fourth_column(
    fake_semantickitti: Path, tmp_path: Path
) -> None:
    check_projection(fake_semantickitti, tmp_path, "07")


@pytest.mark.parametrize("name", ["semantickitti", "semantickitti_fov"])
def test_projection_matches_p2_on_real_frames(tmp_path: Path, name: str) -> None:
    if "PERCEPTION_KD_REAL_DATA" not in os.environ:
        pytest.skip("PERCEPTION_KD_REAL_DATA is not set")
    root = Path(os.environ["PERCEPTION_KD_REAL_DATA"]) / name / "dataset"
    check_projection(root, tmp_path, "07")


def test_points_of_cars_fall_on_cars(fake_semantickitti: Path, tmp_path: Path) -> None:
    # Cars are the only red things in the made-up street.
    red = []
    for sample in read_info(convert(fake_semantickitti, tmp_path).paths["train"])["data_list"]:
        labels = np.fromfile(fake_semantickitti / sample["pts_semantic_mask_path"], np.uint32)
        classes = semantickitti_label_mapping()[labels & 0xFFFF]
        points = read_points(fake_semantickitti, sample)
        points = points[classes == SEMANTICKITTI_CLASSES.index("car")]
        image = sample["images"]["CAM2"]
        img = np.asarray(Image.open(fake_semantickitti / image["img_path"]))
        assert img.shape == (image["height"], image["width"], 3)
        lidar2cam, cam2img = np.array(image["lidar2cam"]), np.array(image["cam2img"])
        projection = project_points(points, lidar2cam, cam2img, img.shape[:2])
        col, row = projection.pixels[projection.visible].round().astype(int).T
        color = img[row, col].astype(int)
        red.append(color[:, 0] > color[:, 1:].max(axis=1) + 60)
    assert sum(map(len, red)) > 300
    assert np.concatenate(red).mean() > 0.9


def test_convention_poses_move_the_lidar_from_the_first_frame(
    fake_semantickitti: Path, tmp_path: Path
) -> None:
    samples = read_info(convert(fake_semantickitti, tmp_path).paths["val"])["data_list"]
    np.testing.assert_allclose(samples[0]["ego2global"], np.eye(4), atol=1e-7)
    # The made-up car drives 8 m/s along its x and turns left at 0.15 rad/s.
    time = samples[2]["timestamp"]
    assert time == pytest.approx(2 * 0.1037)
    ego2global = np.array(samples[2]["ego2global"])
    np.testing.assert_allclose(ego2global[:3, 3], [8 * time, 0.6 * time**2, 0], atol=1e-5)
    assert np.arctan2(ego2global[1, 0], ego2global[0, 0]) == pytest.approx(0.15 * time, abs=1e-6)


def test_test_sequences_have_no_labels(tmp_path: Path) -> None:
    root = make_semantickitti(tmp_path, (11,), 1, img_size=(24, 80), num_azimuths=12)
    converted = convert(root, tmp_path)
    (sample,) = read_info(converted.paths["test"])["data_list"]
    assert "pts_semantic_mask_path" not in sample


def test_the_folder_above_dataset_will_do(small_copy: Path, tmp_path: Path) -> None:
    (tmp_path / "above").mkdir()
    small_copy.rename(tmp_path / "above" / "dataset")
    converted = convert_semantickitti(tmp_path / "above", progress=False)
    assert converted.paths["train"].parent == tmp_path / "above" / "dataset"


def remove_pose(sequence: Path) -> None:
    path = sequence / "poses.txt"
    path.write_text(path.read_text().splitlines()[0])


def double_pose(sequence: Path) -> None:
    path = sequence / "poses.txt"
    first, *others = path.read_text().splitlines(keepends=True)
    path.write_text("".join([first, first, *others]))


def cut_pose(sequence: Path) -> None:
    path = sequence / "poses.txt"
    path.write_text(path.read_text()[:-30])


def cut_calibration(sequence: Path) -> None:
    path = sequence / "calib.txt"
    path.write_text(path.read_text().replace("Tr:", "Tx:"))


def remove_images(sequence: Path) -> None:
    shutil.rmtree(sequence / "image_2")


def remove_times(sequence: Path) -> None:
    (sequence / "times.txt").unlink()


def scramble_calibration(sequence: Path) -> None:
    path = sequence / "calib.txt"
    path.write_text(path.read_text().replace("P2: ", "P2: x"))


def scramble_times(sequence: Path) -> None:
    (sequence / "times.txt").write_text("0.0\n0.1 0.2\n")


def remove_scans(sequence: Path) -> None:
    shutil.rmtree(sequence / "velodyne")


def change_numbers(name: str, change: Callable[[float], float]) -> Callable[[Path], None]:
    """Return what changes all numbers of a text file of a sequence."""

    def damage(sequence: Path) -> None:
        path = sequence / name
        lines = [line.partition(": ") for line in path.read_text().splitlines()]
        rows = [(head + colon, rest) if colon else ("", head) for head, colon, rest in lines]
        path.write_text(
            "\n".join(x + " ".join(str(change(float(v))) for v in y.split()) for x, y in rows)
        )

    return damage


def widen_scans(sequence: Path) -> None:
    for path in sequence.glob("velodyne/*.bin"):
        np.fromfile(path, np.float32).astype(float).tofile(path)


def cut_labels(sequence: Path) -> None:
    for path in sequence.glob("labels/*.label"):
        path.write_bytes(path.read_bytes()[:-4])


def break_image(sequence: Path) -> None:
    (sequence / "image_2" / "000001.png").write_bytes(b"\x89PNG broken")


def shrink_images(sequence: Path) -> None:
    for path in sequence.glob("image_2/*.png"):
        Image.open(path).resize((20, 6)).save(path)


def edit_calibration(change: Callable[[Array], Array]) -> Callable[[Path], None]:
    """Return what changes Tr, (4, 4)."""

    def damage(sequence: Path) -> None:
        path = sequence / "calib.txt"
        rows = [line.partition(":") for line in path.read_text().splitlines()]
        matrix = np.vstack([read_rows(path)["Tr"], [0, 0, 0, 1]])
        text = " ".join(map(str, change(matrix)[:3].ravel()))
        path.write_text("\n".join(f"{x}: {text if x == 'Tr' else y}" for x, _, y in rows))

    return damage


invert_calibration = edit_calibration(np.linalg.inv)
move_camera = edit_calibration(lambda x: x + np.eye(4)[:, :1] * [0, 0, 0, 150])


def move_pose(sequence: Path) -> None:
    path = sequence / "poses.txt"
    rows = np.loadtxt(path)
    rows[1, 3] += 500
    np.savetxt(path, rows)


def scale_scans(factor: float) -> Callable[[Path], None]:
    def damage(sequence: Path) -> None:
        for path in sequence.glob("velodyne/*.bin"):
            points = np.fromfile(path, np.float32).reshape(-1, 4)
            (points * np.array([factor] * 3 + [1], np.float32)).tofile(path)

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (change_numbers("poses.txt", lambda x: float("nan")), r"Line 1 of .*poses.txt must be 12"),
        (change_numbers("poses.txt", lambda x: 2 * x), r"Line 1 of .*poses.txt must begin with a"),
        (change_numbers("calib.txt", lambda x: 2 * x), r"Tr of .*calib.txt must begin with a rot"),
        (change_numbers("calib.txt", lambda x: 0 * x), r"calib.txt"),
        (change_numbers("times.txt", lambda x: 1e9 * x), r"times.txt is .* look like nanoseconds"),
        (change_numbers("times.txt", lambda x: 1e3 * x), r"times.txt is .* look like milliseconds"),
        (widen_scans, r"000000.bin has .* farther away than 10 km. .* --dtype"),
        (cut_labels, r"000000.label has \d+ bytes, but the \d+ points of .*000000.bin need 4"),
        (break_image, r"000001.png is broken or not an image"),
        (shrink_images, r"P2 of .*calib.txt has its principal point at cx .* has 20 x 6 px"),
        (remove_pose, r"a pose and a time for each scan, but for scan 1 there are 1 poses"),
        (double_pose, r"has 3 in poses.txt and 2 in times.txt: a line is missing or doubled"),
        (cut_pose, r"Line 2 of .*poses.txt must be 12 finite numbers, but it is '"),
        (cut_calibration, r"Tr of .*calib.txt must be 12 finite numbers, but it is ''; unpack"),
        (scramble_calibration, r"P2 of .*calib.txt must be 12 finite numbers, but it is 'x"),
        (scramble_times, r"Line 2 of .*times.txt must be 1 finite numbers, but it is '0.1 0.2'"),
        (remove_images, r"000000.bin must have images in .*image_2, .png or .jpg, but none has"),
        (invert_calibration, r"Tr of .*calib.txt leads from the camera to the LiDAR by its axes"),
        (move_camera, r"Tr of .*calib.txt puts the camera 1\d\d m away from the LiDAR; it must"),
        (move_pose, r"(The pose in line 2 of .*poses.txt is|By .*poses.txt the vehicle moves at)"),
        (
            scale_scans(100),
            r"000000.bin has points \d+ m away; they must be in m, but look like cm",
        ),
        (remove_times, r"must have times.txt, but there is no .*times.txt"),
        (remove_scans, r"sequences has no scan of the requested sequences 00"),
        (
            shutil.rmtree,
            r"sequences has no scan of the requested sequences 00",
        ),
    ],
)
def test_damaged_sequences_are_named(
    small_copy: Path, tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    damage(small_copy / "sequences" / "00")
    with pytest.raises((FileNotFoundError, ValueError), match=message):
        convert(small_copy, tmp_path / "out")
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def test_images_can_be_jpeg_files_or_left_out(small_copy: Path, tmp_path: Path) -> None:
    for path in (small_copy / "sequences" / "00" / "image_2").glob("*.png"):
        Image.open(path).save(path.with_suffix(".jpg"))
        path.unlink()
    sample = read_info(convert(small_copy, tmp_path).paths["train"])["data_list"][0]
    assert sample["images"]["CAM2"]["img_path"] == "sequences/00/image_2/000000.jpg"
    shutil.rmtree(small_copy / "sequences" / "00" / "image_2")
    with pytest.raises(FileNotFoundError, match="leave images out with --no-cameras"):
        convert(small_copy, tmp_path)
    info = read_info(
        convert(small_copy, tmp_path, options=SequenceOptions(images=False)).paths["train"]
    )
    assert info["data_list"][0]["images"] == {}
    assert info["metainfo"]["command"].endswith("--no-cameras")


def test_sequences_without_poses_stand_alone(small_copy: Path, tmp_path: Path) -> None:
    (small_copy / "sequences" / "00" / "poses.txt").unlink()
    converted = convert(small_copy, tmp_path)
    assert converted.num_samples == {"train": 2}
    assert any(x.startswith("1 sequences without poses.txt (each frame") for x in converted.remarks)
    samples = read_info(converted.paths["train"])["data_list"]
    assert all(np.array_equal(sample["ego2global"], np.eye(4)) for sample in samples)


def test_a_missing_image_is_one_view_less(small_copy: Path, tmp_path: Path) -> None:
    (small_copy / "sequences" / "00" / "image_2" / "000001.png").unlink()
    converted = convert(small_copy, tmp_path)
    samples = read_info(converted.paths["train"])["data_list"]
    assert [len(sample["images"]) for sample in samples] == [1, 0]
    (remark,) = converted.remarks
    assert remark.startswith("1 of 2 scans without an image, which is missing or empty, such as")
    assert remark.endswith("000001.bin.")


def test_broken_scans_are_left_out_and_named(small_copy: Path, tmp_path: Path) -> None:
    path = small_copy / "sequences" / "00" / "velodyne" / "000001.bin"
    path.write_bytes(np.random.default_rng(0).bytes(path.stat().st_size))
    converted = convert(small_copy, tmp_path)
    assert converted.num_samples == {"train": 1}
    assert (
        f"1 of 2 scans left out, which cannot be read, such as {path}: it has"
        in converted.remarks[0]
    )


def test_scans_that_nobody_labeled_are_named(small_copy: Path, tmp_path: Path) -> None:
    path = small_copy / "sequences" / "00" / "labels" / "000001.label"
    path.write_bytes(bytes(path.stat().st_size))
    (remark,) = convert(small_copy, tmp_path).remarks
    assert remark.startswith("1 scans whose points all have label 0")
    assert str(path) in remark


def test_good_sequences_give_no_remark(fake_semantickitti: Path, tmp_path: Path) -> None:
    assert convert(fake_semantickitti, tmp_path).remarks == []


def test_a_stated_layout_is_stored(small_copy: Path, tmp_path: Path) -> None:
    sequence = small_copy / "sequences" / "00"
    widen_scans(sequence)
    options = SequenceOptions(dtype="float64")
    sample = read_info(convert(small_copy, tmp_path, options=options).paths["train"])["data_list"][
        0
    ]
    assert sample["lidar_points"]["dtype"] == "float64"
    assert sample["lidar_points"]["num_pts_feats"] == 4


def test_a_sequence_in_two_splits_is_refused(small_copy: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Sequence 00 is in the splits train and val"):
        convert(small_copy, tmp_path, splits={"train": [0], "val": [0, 1]})


def test_hidden_files_are_no_scans(small_copy: Path, tmp_path: Path) -> None:
    scans = small_copy / "sequences" / "00" / "velodyne"
    before = len(list(scans.iterdir()))
    (scans / "._000000.bin").write_bytes(b"")
    assert convert(small_copy, tmp_path).num_samples["train"] == before


def test_a_wrong_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"--root must have a folder sequences .*nowhere"):
        convert(tmp_path / "nowhere", tmp_path)


def test_convention_camera_2_is_beside_camera_0(fake_semantickitti: Path) -> None:
    # In KITTI the left color camera stands 0.06 m to the left of the left gray one: its
    # points move by 0.06 m to the right.
    calibration = read_calibration(fake_semantickitti / "sequences" / "00" / "calib.txt")
    moved = calibration.lidar2cam[:3, 3] - calibration.lidar2cam0[:3, 3]
    np.testing.assert_allclose(moved, [0.0599, -0.0011, 0.0038], atol=5e-4)
