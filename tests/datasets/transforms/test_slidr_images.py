"""Image transforms: values by hand, torch as oracle, SLidR's rules."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.logging import MMLogger

from perception_kd.datasets.transforms.image_geometry import (
    CropBox,
    crop_views,
    resize_image,
    resize_superpixels,
)
from perception_kd.datasets.transforms.slidr_images import (
    RandomFlipImages,
    RandomResizedCrop,
    ResizeImages,
)
from perception_kd.registry import TRANSFORMS
from perception_kd.structures import Sample
from tests.datasets.transforms.marked_sample import freeze, make_sample


def sample_with_pairs(*pixels: tuple[int, int], img_shape: tuple[int, int] = (8, 16)) -> Sample:
    """Return a sample of one view with one point per pixel."""
    sample = make_sample(num_points=max(1, len(pixels)), num_views=1, img_shape=img_shape)
    sample["pairing_points"] = np.arange(len(pixels))
    sample["pairing_images"] = np.array([(0, *p) for p in pixels], np.int64).reshape(-1, 3)
    return freeze(sample)


def random_image(shape: tuple[int, int]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)


def test_pairs_at_the_border_are_dropped_or_kept() -> None:
    # Half the size: row 7 of 8 and column 15 of 16 round to 3.5 and 7.5, to even: 4, 8.
    sample = sample_with_pairs((7, 4), (2, 15), (6, 14))
    dropped = ResizeImages((4, 8))(sample)
    kept = ResizeImages((4, 8), keep_border_pairs=True)(sample)
    assert dropped["pairing_points"].tolist() == [2]
    assert kept["pairing_points"].tolist() == [0, 1, 2]
    assert kept["pairing_images"].tolist() == [[0, 3, 2], [0, 1, 7], [0, 3, 7]]


@pytest.mark.parametrize("antialias", [False, True])
def test_images_are_resized_as_torch_does(antialias: bool) -> None:
    img = random_image((90, 160))
    as_tensor = torch.from_numpy(img).permute(2, 0, 1)[None].float()
    expected = F.interpolate(as_tensor, (22, 41), mode="bilinear", antialias=antialias)
    resized = resize_image(img, (22, 41), antialias).astype(float)
    difference = np.abs(resized - expected[0].permute(1, 2, 0).numpy())
    assert difference.max() <= 1.5  # rounding of 8-bit arithmetic


@pytest.mark.parametrize("size", [(22, 41), (45, 80), (90, 160), (100, 320)])
def test_superpixels_are_resized_as_torch_does(size: tuple[int, int]) -> None:
    superpixels = np.arange(90 * 160, dtype=np.int32).reshape(90, 160)
    expected = F.interpolate(torch.from_numpy(superpixels)[None, None].double(), size)[0, 0]
    resized = resize_superpixels(superpixels, size)
    assert resized.dtype == np.int32
    assert np.array_equal(resized, expected.numpy())


def test_convention_pairs_move_by_corner_then_scale_ties_to_even() -> None:
    # From the corner (2, 4), 4 x 8 px are halved: (2, 4) stays in the corner; (3, 5)
    # and (5, 7) tie at 0.5 and 1.5, which go to the even neighbors 0 and 2.
    sample = sample_with_pairs((2, 4), (3, 5), (5, 7), (4, 6))
    cropped = crop_views(sample, [CropBox(2, 4, 4, 8)], (2, 4), antialias=False)
    # (5, 7) lands on row 2 of 2 and is dropped.
    assert cropped["pairing_images"].tolist() == [[0, 0, 0], [0, 0, 0], [0, 1, 1]]
    assert cropped["pairing_points"].tolist() == [0, 1, 3]


def test_a_crop_shows_its_part_of_image_and_superpixels() -> None:
    sample = make_sample()
    boxes = [CropBox(10, 20, 30, 40), CropBox(0, 0, 30, 40), CropBox(60, 120, 30, 40)]
    cropped = crop_views(freeze(sample), boxes, (30, 40), antialias=False)
    for view, box in enumerate(boxes):
        rows, cols = slice(box.top, box.top + 30), slice(box.left, box.left + 40)
        assert np.array_equal(cropped["imgs"][view], sample["imgs"][view][rows, cols])
        expected = sample["superpixels"][view][rows, cols]
        assert np.array_equal(cropped["superpixels"][view], expected)


def test_crops_have_the_requested_area_and_ratio() -> None:
    crop = RandomResizedCrop(scale=(0.3, 0.5), ratio=(1.5, 2.0))
    sample = sample_with_pairs(img_shape=(900, 1600))
    rng = np.random.default_rng(0)
    boxes = np.array([crop.draw(sample, rng)[0] for _ in range(300)])
    top, left, height, width = boxes.T
    areas, ratios = height * width / (900 * 1600), width / height
    assert areas.min() == pytest.approx(0.3, abs=0.01)
    assert areas.max() == pytest.approx(0.5, abs=0.01)
    assert ratios.min() == pytest.approx(1.5, abs=0.02)
    assert ratios.max() == pytest.approx(2.0, abs=0.02)
    assert min(top.min(), left.min()) >= 0
    assert (top + height).max() <= 900
    assert (left + width).max() <= 1600


def test_upright_and_lying_parts_are_equally_likely() -> None:
    # The logarithm of the ratio is uniform: its middle is a square, not a ratio of
    # 1.25.
    crop = RandomResizedCrop(scale=(0.1, 0.2), ratio=(0.5, 2.0))
    sample = sample_with_pairs(img_shape=(900, 900))
    rng = np.random.default_rng(0)
    boxes = [crop.draw(sample, rng)[0] for _ in range(1000)]
    assert np.median([box.width / box.height for box in boxes]) == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize(
    ("img_shape", "expected"),
    [
        # The whole area fits neither at a ratio of 14/9 to 17/9: the tall image gives
        # 10 / (14/9) = 6 rows, the wide one 10 * (17/9) = 19 columns.
        ((100, 10), (47, 0, 6, 10)),
        ((10, 90), (0, 35, 10, 19)),
    ],
)
def test_an_image_that_no_part_fits_gives_its_central_part(
    img_shape: tuple[int, int], expected: tuple[int, int, int, int]
) -> None:
    crop = RandomResizedCrop(scale=(1.0, 1.0))
    (box,) = crop.draw(sample_with_pairs(img_shape=img_shape), np.random.default_rng(0))
    assert box == expected


def test_a_part_needs_many_pairs_or_most_of_its_images() -> None:
    # Only the 12 pixels at the right are paired. With 75 % asked for, 9 are too few.
    pixels = [(row, 150 + 3 * col) for row in (20, 40, 60, 80) for col in range(3)]
    sample = sample_with_pairs(*pixels, img_shape=(90, 160))

    def kept(**settings: Any) -> set[int]:
        crop = RandomResizedCrop((90, 160), scale=(0.3, 0.6), max_tries=400, **settings)
        rng = np.random.default_rng(0)
        assert crop.num_fallbacks == 0
        draws = [crop.apply(sample, crop.draw(sample, rng)) for _ in range(60)]
        assert crop.num_fallbacks == 0
        return {len(draw["pairing_points"]) for draw in draws}

    assert min(kept(min_pairs=5)) == 6
    assert min(kept(min_pairs=1024, min_fraction=0.5)) > 6
    assert min(kept(min_pairs=1024, min_fraction=0.25)) > 3


def test_after_all_tries_the_best_crop_is_taken_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # Pairs at two far ends: no part of at most a third of the image holds both.
    corners = sample_with_pairs((20, 20), (20, 21), (70, 140), img_shape=(90, 160))
    crop = RandomResizedCrop(scale=(0.3, 0.33), max_tries=200)
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)  # mmengine's logger does not propagate
    for _ in range(2):
        result = crop(corners)
        assert result is not None
        assert result["pairing_points"].tolist() == [0, 1]
    logger.removeHandler(caplog.handler)
    assert crop.num_fallbacks == 2
    assert sum("none of 200 crops" in record.message for record in caplog.records) == 1


def test_an_image_without_a_pair_takes_its_first_part() -> None:
    crop = RandomResizedCrop(max_tries=1)
    result = crop(sample_with_pairs(img_shape=(90, 160)))
    assert result is not None
    assert result["imgs"][0].shape == (224, 416, 3)
    assert len(result["pairing_points"]) == 0
    assert crop.num_fallbacks == 0


def test_resize_squashes_the_whole_image_and_scales_pairs() -> None:
    sample = sample_with_pairs((4, 12), (7, 15))
    resized = ResizeImages((4, 8))(sample)
    # (7, 15) / 2 = (3.5, 7.5) rounds to (4, 8), which is off the image.
    assert resized["pairing_images"].tolist() == [[0, 2, 6]]
    assert resized["imgs"][0].shape == (4, 8, 3)
    assert resized["superpixels"][0].shape == (4, 8)


def test_convention_a_column_mirrors_to_width_minus_1_minus_it() -> None:
    sample = sample_with_pairs((3, 0), (3, 15), (5, 4))
    flipped = RandomFlipImages(p=1.0)(sample)
    assert flipped is not None
    assert flipped["pairing_images"].tolist() == [[0, 3, 15], [0, 3, 0], [0, 5, 11]]
    assert np.array_equal(flipped["imgs"][0], sample["imgs"][0][:, ::-1])
    assert np.array_equal(flipped["superpixels"][0], sample["superpixels"][0][:, ::-1])


def test_views_are_mirrored_one_by_one() -> None:
    sample = make_sample(num_views=3)
    flipped = RandomFlipImages().apply(freeze(sample), np.array([False, True, False]))
    is_same = [np.array_equal(a, b) for a, b in zip(flipped["imgs"], sample["imgs"], strict=True)]
    assert is_same == [True, False, True]
    moved = (flipped["pairing_images"] != sample["pairing_images"]).any(axis=1)
    assert set(sample["pairing_images"][moved, 0]) == {1}


def test_mirroring_has_its_probability() -> None:
    rng = np.random.default_rng(0)
    sample: Sample = {"imgs": [np.zeros((1, 1, 3), np.uint8)] * 4000}
    assert RandomFlipImages(p=0.2).draw(sample, rng).mean() == pytest.approx(0.2, abs=0.03)


def test_images_alone_can_be_cropped_and_mirrored() -> None:
    sample: Sample = {"imgs": make_sample()["imgs"], "rng": np.random.default_rng(0)}
    cropped = RandomResizedCrop((20, 40))(sample)
    assert cropped is not None
    flipped = RandomFlipImages()(cropped)
    assert flipped is not None
    assert set(flipped) == {"imgs", "img_aug_matrix", "rng"}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (dict(type="RandomResizedCrop", size=(0, 4)), "size must be a positive height and width"),
        (dict(type="RandomResizedCrop", scale=(0.3, 2)), r"scale must be in \(0, 1\]"),
        (dict(type="RandomResizedCrop", max_tries=0), "max_tries must be at least 1"),
        (dict(type="ResizeImages", size=(4, -1)), "size must be a positive height and width"),
        (dict(type="RandomFlipImages", p=-1), r"p must be in \[0, 1\]"),
    ],
)
def test_rejects_settings_out_of_range(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TRANSFORMS.build(config)
