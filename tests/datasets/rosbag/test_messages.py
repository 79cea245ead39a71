"""Points, images and calibrations of messages, of every layout."""

from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from perception_kd.datasets.rosbag.camera_info import is_rectified, read_camera_info
from perception_kd.datasets.rosbag.clouds import encode_pcd, read_cloud
from perception_kd.datasets.rosbag.images import encode_raw, keep_compressed
from perception_kd.io.errors import BrokenFileError
from perception_kd.io.point_files.fields import INTENSITY_NAMES
from tests.datasets.rosbag.bags import camera_info, cloud, compressed, image

K = np.array([[100.0, 0, 31.5], [0, 110.0, 23.5], [0, 0, 1]])
# Values in each of which all three colors differ.
COLOR = np.array([[[10, 100, 200]]], np.uint8).repeat(6, 0).repeat(8, 1)


def as_object(value: Any) -> Any:
    """Return a message of ``bags`` as an object with attributes."""
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], dict):
        return SimpleNamespace(**{name: as_object(item) for name, item in value[1].items()})
    return [as_object(item) for item in value] if isinstance(value, list) else value


def padded(order: str) -> np.dtype[Any]:
    """Return a layout with gaps, types of all kinds and fields out of order."""
    return np.dtype(
        {
            "names": ["ring", "y", "x", "z", "intensity", "t"],
            "formats": [order + kind for kind in ("u2", "f4", "f8", "f4", "u1", "u4")],
            "offsets": [2, 4, 8, 20, 25, 28],
            "itemsize": 40,
        }
    )


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("height", "row_padding"), [(1, 0), (3, 0), (3, 7)])
def test_points_of_any_layout_are_read(order: str, height: int, row_padding: int) -> None:
    rows = np.zeros(12, padded(order))
    for i, name in enumerate(rows.dtype.names or ()):
        rows[name] = np.arange(12) + 10 * i + 1
    made = cloud(0, rows, height=height, row_padding=row_padding)
    points = read_cloud(as_object(made)).points
    assert points.dtype.names == ("x", "y", "z", "intensity", "ring")
    expected = {"x": 21, "y": 11, "z": 31, "intensity": 41, "ring": 1}
    for name, start in expected.items():
        np.testing.assert_array_equal(points[name], np.arange(12) + start)
        assert points[name].dtype == np.float32


@pytest.mark.parametrize("name", [*INTENSITY_NAMES, "Remission"])
def test_each_name_of_the_intensity_is_known(name: str) -> None:
    assert {"remission", "scalar_intensity"} < {*INTENSITY_NAMES}
    rows = np.full(5, 7, [(x, "<f4") for x in ("x", "y", "z", name)])
    points = read_cloud(as_object(cloud(0, rows))).points
    assert points.dtype.names == ("x", "y", "z", "intensity")


def test_points_without_a_return_are_left_out() -> None:
    rows = np.ones(5, [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("reflectivity", "<f4")])
    rows["x"][:3] = np.nan, np.inf, 0
    rows["y"][2] = rows["z"][2] = 0
    rows["reflectivity"] = np.nan
    read = read_cloud(as_object(cloud(0, rows)))
    assert read.num_dropped == 3
    assert len(read.points) == 2
    assert read.points["intensity"].tolist() == [0, 0]


def test_fields_that_float32_cannot_hold_are_named() -> None:
    rows = np.ones(2, [("x", "f4"), ("y", "f4"), ("z", "f4"), ("stamp", "f8"), ("n", "f4", (3,))])
    assert read_cloud(as_object(cloud(0, rows))).left_out == ("n", "stamp")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data": np.zeros(7, np.uint8)}, "has 7 bytes, but 1x2 points of 12 bytes"),
        ({"point_step": 10}, "field z ends at byte 12 of points of 10 bytes"),
        ({"fields": []}, "has no field x; it has none"),
    ],
)
def test_contradicting_clouds_are_refused(change: dict[str, Any], words: str) -> None:
    kind, fields = cloud(0, np.ones(2, [("x", "<f4"), ("y", "<f4"), ("z", "<f4")]))
    with pytest.raises(BrokenFileError, match=words):
        read_cloud(as_object((kind, fields | change)))


def test_unknown_types_and_repeated_fields_are_refused() -> None:
    message = as_object(cloud(0, np.ones(2, [("x", "<f4"), ("y", "<f4"), ("z", "<f4")])))
    message.fields[2].name = "x"
    with pytest.raises(BrokenFileError, match="its field x occurs twice"):
        read_cloud(message)
    message.fields[2].name, message.fields[2].datatype = "z", 99
    with pytest.raises(BrokenFileError, match="its field z has the unknown type 99"):
        read_cloud(message)


def test_pcd_files_hold_the_points() -> None:
    points = np.array([(1, 2, 3, 4)], [(name, "<f4") for name in ("x", "y", "z", "intensity")])
    data = encode_pcd(points)
    head, _, body = data.partition(b"DATA binary\n")
    assert b"FIELDS x y z intensity\nSIZE 4 4 4 4\nTYPE F F F F" in head
    assert body == points.tobytes()


@pytest.mark.parametrize(
    ("encoding", "pixels"),
    [
        ("rgb8", COLOR),
        ("bgr8", COLOR[..., ::-1]),
        ("rgba8", np.concatenate([COLOR, COLOR[..., :1]], axis=2)),
        ("bgra8", np.concatenate([COLOR[..., ::-1], COLOR[..., :1]], axis=2)),
    ],
)
@pytest.mark.parametrize("padding", [0, 5])
def test_colors_survive(encoding: str, pixels: Any, padding: int) -> None:
    file = encode_raw(as_object(image(0, pixels, encoding, padding=padding)), "png")
    assert (file.suffix, file.size) == (".png", (8, 6))
    stored = cv2.imdecode(np.frombuffer(file.data, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(stored[..., ::-1], COLOR)


@pytest.mark.parametrize("name", ["rggb", "bggr", "gbrg", "grbg"])
def test_mosaics_give_their_colors(name: str) -> None:
    # The letters are the colors of the first 2x2 pixels, row by row.
    mosaic = np.zeros((6, 8, 1), np.uint8)
    for i, letter in enumerate(name):
        mosaic[i // 2 :: 2, i % 2 :: 2] = COLOR[0, 0]["rgb".index(letter)]
    file = encode_raw(as_object(image(0, mosaic, f"bayer_{name}8")), "png")
    stored = cv2.imdecode(np.frombuffer(file.data, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(stored[1:-1, 1:-1, ::-1], COLOR[1:-1, 1:-1])


def test_gray_images_stay_gray() -> None:
    file = encode_raw(as_object(image(0, COLOR[..., :1], "mono8")), "png")
    stored = cv2.imdecode(np.frombuffer(file.data, np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(stored, COLOR[..., 0])


def test_other_encodings_are_refused_by_name() -> None:
    with pytest.raises(BrokenFileError, match="its encoding 'yuv422' is not one of rgb8, bgr8"):
        encode_raw(as_object(image(0, COLOR, "yuv422")), "png")
    kind, fields = image(0, COLOR, "rgb8")
    with pytest.raises(BrokenFileError, match="has 10 bytes, but 8x6 px of rgb8 need 144"):
        encode_raw(as_object((kind, fields | {"data": np.zeros(10, np.uint8)})), "png")


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_compressed_images_stay_as_they_are(suffix: str) -> None:
    data = cv2.imencode(suffix, COLOR)[1].tobytes()
    # The format is free text, and often wrong.
    file = keep_compressed(as_object(compressed(0, data, "bgr8; jpeg compressed bgr8")))
    assert file == (data, suffix, (8, 6))


def test_compressed_mosaics_become_colors() -> None:
    mosaic = np.zeros((6, 8), np.uint8)
    mosaic[::2, ::2], mosaic[1::2, 1::2] = COLOR[0, 0, 0], COLOR[0, 0, 2]
    mosaic[::2, 1::2] = mosaic[1::2, ::2] = COLOR[0, 0, 1]
    data = cv2.imencode(".png", mosaic)[1].tobytes()
    name = "bayer_rggb8; png compressed bayer_rggb8"
    file = keep_compressed(as_object(compressed(0, data, name)))
    stored = cv2.imdecode(np.frombuffer(file.data, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(stored[1:-1, 1:-1, ::-1], COLOR[1:-1, 1:-1])


def test_compressed_images_of_16_bits_are_refused() -> None:
    data = cv2.imencode(".png", np.full((6, 8), 5000, np.uint16))[1].tobytes()
    with pytest.raises(BrokenFileError, match="'mono16; png compressed' has more than 8 bits"):
        keep_compressed(as_object(compressed(0, data, "mono16; png compressed")))


def test_a_damaged_png_is_refused_before_it_is_decoded() -> None:
    data = bytearray(cv2.imencode(".png", COLOR[..., 0])[1].tobytes())
    data[data.find(b"IDAT") - 4] = 0xFF  # a length of 4 GB
    with pytest.raises(BrokenFileError, match="its PNG is cut off or damaged; record it again"):
        keep_compressed(as_object(compressed(0, bytes(data), "bayer_rggb8; png compressed")))


@pytest.mark.parametrize("data", [b"", b"h264", cv2.imencode(".webp", COLOR)[1].tobytes()])
def test_other_compression_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(BrokenFileError, match="format 'webp' is neither JPEG nor PNG"):
        keep_compressed(as_object(compressed(0, data, "webp")))


@pytest.mark.parametrize(
    ("model", "given", "expected"),
    [
        ("plumb_bob", (0.1, 0.2, 0.3, 0.4), ("opencv", (0.1, 0.2, 0.3, 0.4, 0.0))),
        ("plumb_bob", (0.1, 0.2, 0.3, 0.4, 0.5), ("opencv", (0.1, 0.2, 0.3, 0.4, 0.5))),
        ("plumb_bob", (0, 0, 0, 0, 0), ("none", ())),
        ("", (), ("none", ())),
        ("rational_polynomial", range(1, 9), ("opencv", tuple(range(1, 9)))),
        ("rational_polynomial", [*range(1, 9), 0, 0, 0, 0], ("opencv", tuple(range(1, 9)))),
        ("equidistant", (0.1, 0.2, 0.3, 0.4), ("fisheye", (0.1, 0.2, 0.3, 0.4))),
        ("fisheye", (0, 0, 0, 0), ("fisheye", (0, 0, 0, 0))),
    ],
)
def test_distortion_models_are_told_apart(model: str, given: Any, expected: Any) -> None:
    read = read_camera_info(
        as_object(camera_info(0, K, (64, 48), model=model, distortion=given)), rectified=False
    )
    assert (read.model, read.coefficients) == expected
    np.testing.assert_array_equal(read.cam2img, K)
    assert read.size == (64, 48)


@pytest.mark.parametrize(
    ("model", "given"),
    [("kannala", (0.1, 0, 0, 0)), ("rational_polynomial", range(1, 13)), ("fisheye", (0.1,))],
)
def test_unknown_distortion_is_refused_by_name(model: str, given: Any) -> None:
    info = camera_info(0, K, (64, 48), model=model, distortion=given)
    with pytest.raises(BrokenFileError, match=f"distortion_model '{model}' with"):
        read_camera_info(as_object(info), rectified=False)


def test_a_camera_without_calibration_is_refused() -> None:
    with pytest.raises(BrokenFileError, match="matrix K has the focal lengths 0, 0"):
        read_camera_info(as_object(camera_info(0, np.zeros((3, 3)), (64, 48))), rectified=False)


def test_undistorted_images_have_the_projection_matrix() -> None:
    turn = cv2.Rodrigues(np.array([0.0, 0.1, 0.0]))[0]
    projection = np.zeros((3, 4))
    projection[:, :3] = 2 * K
    projection[0, 3] = 9
    info = camera_info(0, K, (64, 48), distortion=(0.1, 0, 0, 0, 0))
    info[1].update({"p": projection.flatten(), "r": turn.flatten()})
    read = read_camera_info(as_object(info), rectified=True)
    np.testing.assert_array_equal(read.cam2img, 2 * K)
    np.testing.assert_array_equal(read.frame2cam, turn)
    assert read.model == "none"


def test_a_matrix_that_turns_nothing_is_refused() -> None:
    message = as_object(camera_info(0.0, K, (64, 48)))
    message.r = np.full(9, np.nan)
    with pytest.raises(BrokenFileError, match="R is not a rotation"):
        read_camera_info(message, rectified=True)


def test_a_part_of_the_sensor_moves_the_principal_point() -> None:
    roi = {"x_offset": 10, "y_offset": 20, "height": 24, "width": 32, "do_rectify": False}
    info = camera_info(0, K, (64, 48))
    info[1]["roi"] = ("sensor_msgs/msg/RegionOfInterest", roi)
    read = read_camera_info(as_object(info), rectified=False)
    assert read.cam2img[:2, 2].tolist() == [21.5, 3.5]
    assert read.size == (32, 24)


def test_undistorted_topics_are_known_by_name() -> None:
    topics = ["/cam/image_rect", "/cam/image_rect_color/compressed", "/cam_rectified/image"]
    assert all(map(is_rectified, topics))
    assert not any(map(is_rectified, ["/cam/image_raw", "/direct/image", "/rectangle/image"]))
