"""Backends against scikit-image itself and against images with known segments."""

import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.segmentation import slic

from perception_kd.superpixels.backends import BACKENDS, describe_backend, get_backend
from perception_kd.superpixels.codec import (
    decode_superpixels,
    encode_superpixels,
    relabel,
)
from perception_kd.superpixels.slic import slic_fast, slic_skimage, slic_skimage_half

Image = NDArray[np.uint8]


def make_noise(height: int, width: int, seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def make_patches(height: int = 240, width: int = 321) -> tuple[Image, NDArray[np.int64]]:
    """Return an image of flat, slanted patches, and the patch of each pixel."""
    rows, cols = np.mgrid[:height, :width]
    patches = (rows + cols // 4) // 80 + 4 * ((cols + rows // 3) // 110)
    colors = np.random.default_rng(1).integers(0, 256, (patches.max() + 1, 3)).astype(np.uint8)
    return colors[patches], patches


def share_within_patches(segments: NDArray[np.int32], patches: NDArray[np.int64]) -> float:
    """Return the share of pixels that belong to the main patch of their segment."""
    counts = np.zeros((segments.max() + 1, patches.max() + 1))
    np.add.at(counts, (segments.ravel(), patches.ravel()), 1)
    return float(counts.max(axis=1).sum() / counts.sum())


def test_the_reference_is_the_call_of_slidr() -> None:
    image, _ = make_patches()
    expected = slic(image, n_segments=30, compactness=6, sigma=3.0, start_label=0)
    np.testing.assert_array_equal(slic_skimage(image, 30, 6.0, 3.0), expected)


def test_half_size_equals_the_reference_on_2x2_blocks() -> None:
    # Halving undoes doubling: the segments of the small image come out, enlarged.
    small, _ = make_patches(60, 80)
    image = small.repeat(2, axis=0).repeat(2, axis=1)
    expected = slic_skimage(small, 30, 6.0, 1.5).repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(slic_skimage_half(image, 30, 6.0, 3.0), expected)


@pytest.mark.parametrize("backend", BACKENDS)
def test_segments_follow_the_patches_of_an_image(backend: str) -> None:
    image, patches = make_patches()
    segments = relabel(get_backend(backend)(image, 100, 6.0, 1.0))
    # As many squares, without an eye for color, reach 0.85.
    rows, cols = np.mgrid[:240, :321]
    squares = (rows // 28 * 12 + cols // 28).astype(np.int32)
    assert share_within_patches(squares, patches) < 0.87
    assert share_within_patches(segments, patches) > 0.97


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (94, 310), (61, 1)])
def test_images_of_any_size_are_segmented(backend: str, shape: tuple[int, int]) -> None:
    segments = get_backend(backend)(make_noise(*shape), 20, 6.0, 3.0)
    assert segments.shape == shape
    assert segments.dtype == np.int32
    assert segments.min() >= -1


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_image_gives_the_same_segments_every_time(backend: str) -> None:
    image, _ = make_patches()
    first = get_backend(backend)(image, 40, 6.0, 3.0)
    for _ in range(3):
        np.testing.assert_array_equal(get_backend(backend)(image, 40, 6.0, 3.0), first)


def test_more_segments_than_requested_are_kept_apart() -> None:
    # SLidR's stride of ids breaks on KITTI's size: a grid of 154 for 150 asked for.
    # A high compactness keeps all cells of the grid.
    segments = relabel(slic_skimage(make_noise(376, 1241), 150, 1000.0, 3.0))
    assert segments.max() + 1 == 154
    again = decode_superpixels(encode_superpixels(segments), "a.png", (376, 1241))
    np.testing.assert_array_equal(again, segments)


@pytest.mark.parametrize("num_segments", [300, 40000])
def test_fast_gives_ids_beyond_8_and_15_bits(num_segments: int) -> None:
    # At high compactness the segments are close to the grid of about 2x2 px each.
    side = 2 * int(num_segments**0.5)
    segments = relabel(slic_fast(make_noise(side, side), num_segments, 200.0, 0.0))
    assert num_segments * 0.9 < segments.max() + 1 <= num_segments


def test_fast_survives_more_segments_than_pixels() -> None:
    # fast-slic itself ends the process there: it divides by the area of a segment.
    assert slic_fast(make_noise(3, 4), 13).shape == (3, 4)


def test_fast_refuses_ids_beyond_16_bits() -> None:
    with pytest.raises(ValueError, match="num_segments must be below 65534"):
        slic_fast(make_noise(8, 8), 65534)


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fast_slic", None)
    with pytest.raises(ImportError, match=r"perception-kd\[superpixels\]\", or use"):
        slic_fast(make_noise(8, 8))


def test_a_custom_backend_is_found_by_its_location() -> None:
    assert get_backend("skimage") is slic_skimage
    assert get_backend("perception_kd.superpixels.slic:slic_fast") is slic_fast


@pytest.mark.parametrize("name", ["slow", "no.such.module:f", "math:no_such_name", "math:pi"])
def test_an_unknown_backend_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="backend must be"):
        get_backend(name)


def test_a_backend_is_described_by_package_and_version() -> None:
    assert describe_backend("fast").startswith("fast-slic ")
    assert describe_backend("my.module:segment") == "my.module:segment"
