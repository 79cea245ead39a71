"""Loading: stored values, sweeps, and every kind of broken file."""

from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from mmengine.logging import MMLogger

from perception_kd.datasets.transforms import (
    LoadImages,
    LoadPointLabels,
    LoadPoints,
    LoadSuperpixels,
)
from perception_kd.io.caches.cache import Cache
from perception_kd.io.errors import BrokenFileError
from perception_kd.structures import PointLayout, Sample, Sweep
from perception_kd.superpixels.codec import encode_superpixels

ROWS = np.array(
    [[1, 2, 3, 100, 7], [4, 5, 6, 200, 8], [7, 8, 9, 0, 9], [0.5, -0.5, 1, 5, 10]], np.float32
)


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    ROWS.tofile(tmp_path / "points.bin")
    np.array([17, 24, 0, 30], np.uint8).tofile(tmp_path / "labels.bin")
    mapping = np.full(256, 255)
    mapping[[17, 24, 30]] = 3, 10, 15
    return {
        "sample_token": "token",
        "timestamp": 5.0,
        "lidar_path": str(tmp_path / "points.bin"),
        "point_layout": PointLayout(num_columns=5),
        "lidar_sweeps": [],
        "pts_semantic_mask_path": str(tmp_path / "labels.bin"),
        "label_mapping": mapping,
        "info_root": str(tmp_path),
    }


def load(sample: Sample, **settings: Any) -> Sample:
    loaded = LoadPoints(**settings)(sample)
    assert loaded is not None
    return loaded


def test_the_ring_gives_way_to_the_time_lag(sample: Sample) -> None:
    loaded = load(sample)
    assert loaded["points"].dtype == np.float32
    assert np.array_equal(loaded["points"][:, :4], ROWS[:, :4])
    assert loaded["points"][:, 4].tolist() == [0] * 4
    assert loaded["original_points"].tolist() == [0, 1, 2, 3]


def test_files_of_four_columns_get_a_time_lag_too(sample: Sample) -> None:
    ROWS[:, :4].tofile(sample["lidar_path"])
    loaded = load({**sample, "point_layout": PointLayout(num_columns=4)})
    assert loaded["points"].tolist() == [[*row[:4], 0] for row in ROWS.tolist()]


def test_non_finite_points_are_dropped_and_logged_once(
    sample: Sample, caplog: pytest.LogCaptureFixture
) -> None:
    rows = ROWS.copy()
    rows[0, 2], rows[2, 3], rows[3, 4] = np.nan, np.inf, np.nan  # the ring may be anything
    rows.tofile(sample["lidar_path"])
    transform = LoadPoints()
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)  # mmengine's logger does not propagate
    for _ in range(2):
        loaded = transform(sample)
        assert loaded is not None
        assert loaded["original_points"].tolist() == [1, 3]
    logger.removeHandler(caplog.handler)
    assert loaded is not None
    messages = [record.message for record in caplog.records]
    assert sum("dropped 2 of 4 points of" in message for message in messages) == 1
    labeled = LoadPointLabels()(loaded)
    assert labeled["pts_semantic_mask"].tolist() == [10, 15]


def test_a_sweep_without_a_usable_point_is_none(sample: Sample) -> None:
    points = np.ones((3, 5), np.float32)
    points[0, 3] = points[1:, 0] = np.nan
    points.tofile(sample["lidar_path"])
    assert LoadPoints()(sample) is None


def test_convention_sweeps_are_in_the_keyframes_lidar_frame(sample: Sample, tmp_path: Path) -> None:
    # The vehicle drove 2 m along y and turned by 90 degrees: what was at (10, 0) is now
    # at (0, 10) - (0, 2). Points within 1 m of the sensor along both axes go.
    sweep = np.array([[10, 0, 1, 50, 3], [0.9, -0.9, 0, 0, 0], [0.9, 1.5, 0, 60, 0]], np.float32)
    sweep.tofile(tmp_path / "sweep.bin")
    sweep2lidar = np.array([[0, -1, 0, 0], [1, 0, 0, -2], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    entry: Sweep = {
        "lidar_path": str(tmp_path / "sweep.bin"),
        "sweep2lidar": sweep2lidar,
        "timestamp": 4.75,
    }
    further: Sweep = {**entry, "lidar_path": "never read"}
    loaded = load({**sample, "lidar_sweeps": [entry, further]}, num_sweeps=1)
    assert loaded["points"][4:].tolist() == [
        [0, 8, 1, 50, 0.25],
        pytest.approx([-1.5, -1.1, 0, 60, 0.25]),
    ]
    assert loaded["original_points"].tolist() == [0, 1, 2, 3, -1, -1]
    assert LoadPointLabels()(loaded)["pts_semantic_mask"].tolist() == [3, 10, 255, 15, 255, 255]


def test_more_sweeps_than_there_are_add_what_there_is(sample: Sample) -> None:
    assert len(load(sample, num_sweeps=9)["points"]) == 4


def test_random_sweeps_are_drawn_from_all(sample: Sample, tmp_path: Path) -> None:
    entries: list[Any] = []
    for number in range(5):
        path = tmp_path / f"sweep{number}.bin"
        np.full((1, 5), 10 + number, np.float32).tofile(path)
        entries.append(
            {"lidar_path": str(path), "sweep2lidar": np.eye(4), "timestamp": 10.0 - number}
        )
    sample = {**sample, "lidar_sweeps": entries, "timestamp": 10.0}
    drawn = set()
    for seed in range(200):
        seeded: Sample = {**sample, "rng": np.random.default_rng(seed)}
        points = load(seeded, num_sweeps=2, random_sweeps=True)["points"][4:]
        assert points[0, 4] < points[1, 4]  # nearest first
        drawn.add(tuple(points[:, 0].astype(int) - 10))
    assert drawn == set(combinations(range(5), 2))
    whole = load(sample, num_sweeps=5, random_sweeps=True)["points"]
    assert whole[4:, 0].tolist() == [10, 11, 12, 13, 14]


@pytest.mark.parametrize("cut", [1, 4, 79, 80])
def test_a_cut_off_sweep_is_named(sample: Sample, cut: int) -> None:
    path = Path(sample["lidar_path"])
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(BrokenFileError, match=r"points\.bin must hold rows of 5 float32, but got"):
        LoadPoints()(sample)


def test_a_missing_sweep_is_named_with_the_remedy(sample: Sample) -> None:
    Path(sample["lidar_path"]).unlink()
    with pytest.raises(FileNotFoundError, match=r"No LiDAR sweep at .*points\.bin; check data_r"):
        LoadPoints()(sample)


def test_labels_are_mapped_to_classes(sample: Sample) -> None:
    labeled = LoadPointLabels()(load(sample))
    assert labeled["pts_semantic_mask"].dtype == np.int64
    assert labeled["pts_semantic_mask"].tolist() == [3, 10, 255, 15]


def test_convention_the_upper_16_bits_are_the_instance(
    sample: Sample,
) -> None:
    raw = np.array([17, 24 | 5 << 16, 0, 30 | 65535 << 16], np.uint32)
    raw.tofile(str(sample["pts_semantic_mask_path"]))
    labeled = LoadPointLabels("uint32")(load(sample))
    assert labeled["pts_semantic_mask"].tolist() == [3, 10, 255, 15]


def test_labels_of_another_length_are_named(sample: Sample) -> None:
    with pytest.raises(BrokenFileError, match=r"labels\.bin must hold 4 labels of uint32"):
        LoadPointLabels("uint32")(load(sample))


def test_a_label_without_a_class_is_named(sample: Sample) -> None:
    with pytest.raises(BrokenFileError, match=r"has label 30, but label_mapping has 20 entries"):
        LoadPointLabels()({**load(sample), "label_mapping": np.zeros(20, np.int64)})


def test_a_sample_without_labels_says_so(sample: Sample) -> None:
    with pytest.raises(FileNotFoundError, match="No point labels in the info file for sample tok"):
        LoadPointLabels()({**load(sample), "pts_semantic_mask_path": None})


def write_image(path: Path) -> bytes:
    """Write an image that is red at the left and blue at the right."""
    img = np.zeros((64, 96, 3), np.uint8)
    img[:, :48, 2] = 255
    img[:, 48:, 0] = 255
    img[::2, :, 1] = np.random.default_rng(0).integers(0, 50, (32, 96))
    path.write_bytes(cv2.imencode(path.suffix, img)[1].tobytes())
    return path.read_bytes()


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_images_are_rgb(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"image{suffix}"
    write_image(path)
    (img,) = LoadImages()({"img_paths": [str(path)]})["imgs"]
    assert img.dtype == np.uint8
    assert img.shape == (64, 96, 3)
    assert img[1, 4, 0] > 200
    assert img[1, 4, 2] < 50
    assert img[1, 92, 2] > 200


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("kept", [0.0, 0.02, 0.5, 0.95, "all but two bytes"])
def test_a_cut_off_image_is_never_filled_with_gray(
    tmp_path: Path, suffix: str, kept: float | str
) -> None:
    path = tmp_path / f"image{suffix}"
    data = write_image(path)
    path.write_bytes(data[:-2] if isinstance(kept, str) else data[: int(kept * len(data))])
    with pytest.raises(BrokenFileError, match=r"image\.\w+ is truncated or not an image"):
        LoadImages()({"img_paths": [str(path)]})


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_truncated_image_is_found_even_if_it_decodes(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Before 4.11, OpenCV returned an image with gray where the file ends.
    path = tmp_path / f"image{suffix}"
    path.write_bytes(write_image(path)[:-40])
    monkeypatch.setattr(cv2, "imdecode", lambda data, mode: np.full((64, 96, 3), 128, np.uint8))
    with pytest.raises(BrokenFileError, match=r"image\.\w+ is truncated or not an image"):
        LoadImages()({"img_paths": [str(path)]})


def test_bytes_after_the_end_of_an_image_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "image.jpg"
    path.write_bytes(write_image(path) + b"\0" * 100)
    assert len(LoadImages()({"img_paths": [str(path)]})["imgs"]) == 1


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"No image at .*image\.jpg; check data_root"):
        LoadImages()({"img_paths": [str(tmp_path / "image.jpg")]})


@pytest.fixture
def with_superpixels(sample: Sample, tmp_path: Path) -> Sample:
    cache = Cache.create(tmp_path / "superpixels" / "a", "superpixels", {"num": 4}, ".png", {})
    for token in ("first", "second"):
        superpixels = np.arange(12, dtype=np.int32).reshape(3, 4) - (token == "first")
        cache.write(token, encode_superpixels(superpixels))
    imgs = [np.zeros((3, 4, 3), np.uint8)] * 2
    return {**sample, "img_tokens": ["first", "second"], "imgs": imgs}


def test_superpixels_come_in_the_order_of_the_views(with_superpixels: Sample) -> None:
    loaded = LoadSuperpixels("superpixels/a", settings={"num": 4})(with_superpixels)
    assert [s.dtype for s in loaded["superpixels"]] == [np.int32] * 2
    assert [s[0].tolist() for s in loaded["superpixels"]] == [[-1, 0, 1, 2], [0, 1, 2, 3]]


def test_superpixels_of_another_size_are_named(with_superpixels: Sample) -> None:
    imgs = [np.zeros((3, 5, 3), np.uint8)] * 2
    with pytest.raises(BrokenFileError, match=r"first\.png must have the size of its image, 3x5"):
        LoadSuperpixels("superpixels/a")({**with_superpixels, "imgs": imgs})


def test_a_cache_that_lacks_an_image_says_which(with_superpixels: Sample) -> None:
    with pytest.raises(FileNotFoundError, match="No superpixels of third in"):
        LoadSuperpixels("superpixels/a")({**with_superpixels, "img_tokens": ["first", "third"]})


def test_another_cache_is_a_wrong_setting_not_a_missing_file(
    with_superpixels: Sample,
) -> None:
    with pytest.raises(ValueError, match="There is no cache of superpixels at"):
        LoadSuperpixels("superpixels/b")(with_superpixels)
    with pytest.raises(ValueError, match="num is 4, not 5"):
        LoadSuperpixels("superpixels/a", settings={"num": 5})(with_superpixels)


def test_a_negative_number_of_sweeps_is_refused() -> None:
    with pytest.raises(ValueError, match="num_sweeps must not be negative, but got -1"):
        LoadPoints(num_sweeps=-1)


def test_a_type_of_labels_is_refused_early() -> None:
    with pytest.raises(ValueError, match='dtype must be "uint8" or "uint32", but got \'int64\''):
        LoadPointLabels("int64")
