"""Superpixel maps: nothing is lost, and files that cannot be right are named."""

import struct
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from PIL import Image

from perception_kd.io.caches.cache import Cache
from perception_kd.io.errors import BrokenFileError
from perception_kd.superpixels.codec import (
    MAX_SEGMENTS,
    SUPERPIXELS,
    SUPERPIXELS_EXTENSION,
    Map,
    decode_superpixels,
    encode_superpixels,
    load_superpixels,
    relabel,
)

SHAPES = array_shapes(min_dims=2, max_dims=2, max_side=6)


def count_up(num_segments: int, width: int = 50) -> Map:
    """Return a map with ids 0 to num_segments - 1 and at least one pixel without."""
    height = num_segments // width + 1
    ids = np.arange(height * width, dtype=np.int32).reshape(height, width)
    return np.where(ids < num_segments, ids, -1).astype(np.int32)


@pytest.mark.parametrize("num_segments", [1, 254, 255, 256, 257, 65534, 65535, 65536, 70000])
def test_any_number_of_segments_survives(num_segments: int) -> None:
    superpixels = count_up(num_segments)
    data = encode_superpixels(superpixels)
    again = decode_superpixels(data, "a.png", (superpixels.shape[0], superpixels.shape[1]))
    assert again.dtype == np.int32
    np.testing.assert_array_equal(again, superpixels)


@settings(deadline=None, max_examples=50)
@given(arrays(np.int32, SHAPES, elements=st.integers(-1, 35)))
def test_any_ids_survive(superpixels: Map) -> None:
    superpixels = np.minimum(superpixels, superpixels.size - 1)
    data = encode_superpixels(superpixels)
    shape = superpixels.shape[0], superpixels.shape[1]
    np.testing.assert_array_equal(decode_superpixels(data, "a.png", shape), superpixels)


@pytest.mark.parametrize("num_segments", [200, 300, 70000])
def test_own_files_need_no_decoder_of_images(
    num_segments: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cv2.imdecode", None)
    superpixels = count_up(num_segments)
    shape = superpixels.shape[0], superpixels.shape[1]
    again = decode_superpixels(encode_superpixels(superpixels), "a.png", shape)
    np.testing.assert_array_equal(again, superpixels)


@pytest.mark.parametrize("num_segments", [200, 300, 70000])
def test_filtered_files_of_earlier_versions_are_read(num_segments: int) -> None:
    superpixels = count_up(num_segments)
    stored = (superpixels + 1).astype(np.uint32)
    pixels: NDArray[np.integer[Any]] = stored.astype(np.uint16)
    if num_segments == 200:
        pixels = stored.astype(np.uint8)
    if num_segments > 65535:  # OpenCV's order of channels
        pixels = np.stack([stored, stored >> 8, stored >> 16], axis=-1).astype(np.uint8)
    data = cv2.imencode(".png", pixels, (cv2.IMWRITE_PNG_COMPRESSION, 3))[1].tobytes()
    again = decode_superpixels(data, "a.png", (superpixels.shape[0], superpixels.shape[1]))
    np.testing.assert_array_equal(again, superpixels)


@pytest.mark.parametrize(("largest", "mode"), [(254, "L"), (255, "I;16"), (65535, "RGB")])
def test_convention_a_pixel_holds_id_plus_one_with_red_highest(largest: int, mode: str) -> None:
    # Pillow is the judge of what is in the file.
    img = Image.open(BytesIO(encode_superpixels(np.array([[-1, 0, largest]], dtype=np.int32))))
    stored = np.asarray(img).astype(int)
    assert img.mode == mode
    if mode == "RGB":
        stored = stored @ [65536, 256, 1]
    assert stored.tolist() == [[0, 1, largest + 1]]


@settings(deadline=None, max_examples=50)
@given(arrays(np.int64, SHAPES, elements=st.integers(-3, 9) | st.integers(2**24, 2**40)))
def test_relabel_closes_gaps_and_keeps_the_order(segments: NDArray[np.int64]) -> None:
    ids = sorted({int(i) for i in segments.ravel() if i >= 0})
    expected = [[ids.index(i) if i >= 0 else -1 for i in row] for row in segments.tolist()]
    relabeled = relabel(segments)
    assert relabeled.dtype == np.int32
    assert relabeled.tolist() == expected


def test_relabel_refuses_other_arrays() -> None:
    with pytest.raises(ValueError, match="integer ids, but got float64"):
        relabel(np.zeros((2, 2)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"segments must have shape \(H, W\), but got \(4,\)"):
        relabel(np.zeros(4, dtype=int))


@pytest.mark.parametrize("wrong", [-2, MAX_SEGMENTS])
def test_ids_that_do_not_fit_are_refused(wrong: int) -> None:
    with pytest.raises(ValueError, match="ids from -1 to 16777214, but got"):
        encode_superpixels(np.array([[0, wrong]], dtype=np.int32))


def test_a_map_without_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must have pixels, but got shape \(0, 4\)"):
        encode_superpixels(np.zeros((0, 4), dtype=np.int32))


def test_a_truncated_file_is_named() -> None:
    data = encode_superpixels(count_up(300))
    for length in range(0, len(data), 7):
        with pytest.raises(BrokenFileError, match=r"a\.png is truncated or not a PNG"):
            decode_superpixels(data[:length], "a.png", (7, 50))


def test_a_file_with_a_changed_byte_is_named() -> None:
    data = bytearray(encode_superpixels(count_up(300)))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(BrokenFileError, match=r"a\.png is truncated or not a PNG"):
        decode_superpixels(bytes(data), "a.png", (7, 50))


def test_a_map_of_another_size_is_named() -> None:
    data = encode_superpixels(np.zeros((4, 6), dtype=np.int32))
    with pytest.raises(BrokenFileError, match="the size of its image, 6x4, but got 4x6"):
        decode_superpixels(data, "a.png", (6, 4))


@pytest.mark.parametrize("channels", [3, 4])
def test_an_image_of_segments_is_no_map(channels: int) -> None:
    ids = np.arange(60, dtype=np.uint8).reshape(6, 10) % 20
    data = cv2.imencode(".png", np.dstack([ids] * channels))[1].tobytes()
    with pytest.raises(BrokenFileError, match=r"a\.png .* not a superpixel map"):
        decode_superpixels(data, "a.png", (6, 10))


@pytest.mark.parametrize(("largest", "limit"), [(60, 60), (40, 40), (2**24 - 3, 60)])
def test_ids_are_bounded_by_pixels_and_segments(largest: int, limit: int) -> None:
    data = encode_superpixels(np.full((6, 10), largest, np.int32))
    with pytest.raises(BrokenFileError, match=f"id {largest}, but .* at most {limit} segments"):
        decode_superpixels(data, "a.png", (6, 10), max_segments=max(limit, 40))


def test_a_map_has_no_more_segments_than_its_cache_asked_for(tmp_path: Path) -> None:
    cache = Cache.create(tmp_path, SUPERPIXELS, {"num_segments": 150}, SUPERPIXELS_EXTENSION, {})
    cache.write("token", encode_superpixels(count_up(5000)))
    with pytest.raises(BrokenFileError, match=r"id 4999, but .* at most 4,096 segments"):
        load_superpixels(cache, "token", (101, 50))


def test_a_claim_of_many_pixels_is_refused_before_decoding() -> None:
    data = bytearray(encode_superpixels(np.zeros((4, 6), np.int32)))
    data[16:24] = struct.pack(">II", 2**31 - 1, 2**31 - 1)
    with pytest.raises(BrokenFileError, match="the size of its image, 4x6, but got 2147483647"):
        decode_superpixels(bytes(data), "a.png", (4, 6))


def test_a_map_is_loaded_from_a_cache(tmp_path: Path) -> None:
    cache = Cache.create(tmp_path, SUPERPIXELS, {}, SUPERPIXELS_EXTENSION, {"command": "again"})
    cache.write("token", encode_superpixels(count_up(9, width=3)))
    np.testing.assert_array_equal(load_superpixels(cache, "token", (4, 3)), count_up(9, width=3))
    with pytest.raises(BrokenFileError, match=r"token.png must .* Delete the file, .* again"):
        load_superpixels(cache, "token", (3, 4))
