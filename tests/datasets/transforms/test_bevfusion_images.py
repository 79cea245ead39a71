"""``img_aug_matrix`` maps a point to the pixel with its image content."""

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from perception_kd.datasets.transforms import (
    PackInputs,
    PairPointsWithPixels,
    RandomFlipAxis,
    RandomFlipImages,
    RandomResizedCrop,
    RandomRotateImages,
    RandomRotateZ,
    RandomScale,
    RandomScaleAndCropImages,
    ResizeImages,
    ScaleAndCropImages,
    Transform,
)
from perception_kd.datasets.transforms.image_moves import rotation_matrix
from perception_kd.geometry.rigid import transform_points
from perception_kd.registry import TRANSFORMS
from perception_kd.structures import Sample
from tests.datasets.transforms.marked_sample import (
    WIDTH,
    freeze,
    make_camera_sample,
    make_sample,
)

IMAGES: list[Transform] = [
    RandomResizedCrop((60, 120), scale=(0.5, 1.0)),
    ResizeImages((80, 150)),
    RandomFlipImages(),
    RandomScaleAndCropImages((50, 100), scale=(0.5, 1.2)),
    ScaleAndCropImages((50, 100), scale=0.7),
    RandomRotateImages((-20, 20)),
]
CLOUD: list[Transform] = [RandomRotateZ(), RandomFlipAxis(), RandomScale()]


def project(points: NDArray[Any], sample: Sample, view: int) -> tuple[Any, Any]:
    """Return pixels of points in a view of the stored images, and the depths."""
    points_cam = transform_points(points, sample["lidar2cam"][view])
    pixels = points_cam @ sample["cam2img"][view].T
    return pixels / pixels[:, 2:], points_cam[:, 2]


def read_bilinear(img: Any, u: float, v: float) -> Any:
    col, row = int(u), int(v)
    a, b = u - col, v - row
    corners = img[row : row + 2, col : col + 2].astype(float)
    rows = corners[0] * (1 - b) + corners[1] * b
    return rows[0] * (1 - a) + rows[1] * a


class Located(NamedTuple):
    """Positions of points in a view after some transforms.

    ``room`` is the distance to the border of the image, and ``scale`` the size of a
    present pixel, both in pixels of the stored image.
    """

    stored: NDArray[np.float64]
    present: NDArray[np.float64]
    room: NDArray[np.float64]
    scale: float


def locate(before: Sample, after: Sample, view: int) -> Located:
    undo = np.linalg.inv(after.get("lidar_aug_matrix", np.eye(4)))
    stored, depth = project(transform_points(after["points"][:, :3], undo), before, view)
    matrix = after.get("img_aug_matrix", np.tile(np.eye(3), (3, 1, 1)))[view]
    present = stored @ matrix.T
    size = np.array(after["imgs"][view].shape[1::-1])
    room = np.minimum(present[:, :2], size - 1 - present[:, :2]).min(axis=1)
    scale = float(np.sqrt(np.abs(np.linalg.det(matrix))))
    return Located(stored, present, np.where(depth > 0.5, room / scale, -np.inf), scale)


@settings(max_examples=40, deadline=None)
@given(
    chain=st.lists(st.sampled_from(IMAGES + CLOUD), min_size=1, max_size=4),
    seed=st.integers(0, 10_000),
)
def test_convention_points_stay_on_their_content_in_chains(
    chain: list[Transform], seed: int
) -> None:
    samples = [make_camera_sample(seed)]
    for transform in chain:
        following = transform(freeze(samples[-1]))
        assert following is not None
        samples.append(following)

    for view, img in enumerate(samples[-1]["imgs"]):
        steps = [locate(samples[0], sample, view) for sample in samples]
        # At the border of any image on the way, its edge or black is mixed in: as far
        # as a few pixels of the smallest one.
        margin = 6 / min(step.scale for step in steps)
        seen = np.min([step.room for step in steps], axis=0) > margin
        for (u, v, _), expected in zip(steps[-1].present[seen], steps[0].stored[seen], strict=True):
            red, green, blue = read_bilinear(img, u, v)
            # Each resampling rounds to whole colors, and a color is a pixel.
            tolerance = 0.3 + 0.6 * len(chain)
            assert abs(red - expected[1]) < tolerance
            assert abs(green - expected[0]) < tolerance
            assert abs(blue - view) < 0.01


@settings(max_examples=30, deadline=None)
@given(
    chain=st.lists(st.sampled_from(IMAGES[3:]), min_size=1, max_size=2),
    seed=st.integers(0, 10_000),
)
def test_pairs_and_superpixels_stay_on_their_content(chain: list[Transform], seed: int) -> None:
    before = make_sample(seed)
    row_col = {
        (int(point), int(view)): (int(row), int(col))
        for point, (view, row, col) in zip(
            before["pairing_points"], before["pairing_images"], strict=True
        )
    }
    after = before
    for transform in chain:
        following = transform(freeze(after))
        assert following is not None
        after = following
    assert len(after["pairing_points"]) > 0
    for point, (view, row, col) in zip(
        after["pairing_points"], after["pairing_images"], strict=True
    ):
        expected_row, expected_col = row_col[int(point), int(view)]
        superpixel = after["superpixels"][view][row, col]
        # Rounding of pair and superpixel, each 0.5 px of 0.5 times the size at the
        # smallest, twice where there are two steps.
        assert superpixel == -1 or abs(superpixel // WIDTH - expected_row) <= 2 * len(chain)
        assert superpixel == -1 or abs(superpixel % WIDTH - expected_col) <= 2 * len(chain)


def test_the_test_time_crop_by_hand() -> None:
    # 0.5 of 90 x 160 is 45 x 80; the lower, middle 20 x 60 of it starts at row 25 and
    # column 10. A center at u goes to (u + 0.5) / 2 - 0.5 - 10.
    sample = ScaleAndCropImages((20, 60), scale=0.5)(make_sample())
    assert sample["imgs"][0].shape == (20, 60, 3)
    expected = np.array([[0.5, 0, -10.25], [0, 0.5, -25.25], [0, 0, 1]])
    assert sample["img_aug_matrix"].shape == (3, 3, 3)
    assert np.allclose(sample["img_aug_matrix"][2], expected)
    # Colors are the stored pixel: (0, 0) shows the mean of rows 50, 51 and columns 20,
    # 21, where antialiasing keeps a ramp as it is.
    assert np.abs(sample["imgs"][1][0, 0] - np.array([50.5, 20.5, 1])).max() <= 0.5


def test_bicubic_images_are_those_of_pil() -> None:
    img = np.random.default_rng(0).integers(0, 256, (90, 160, 3), dtype=np.uint8)
    crop = ScaleAndCropImages(size=(40, 60), scale=0.5, bicubic=True)
    moved = crop({"imgs": [img]})
    assert moved is not None
    whole = Image.fromarray(img).resize((80, 45))  # whose default is BEVFusion's kernel
    assert np.array_equal(moved["imgs"][0], np.asarray(whole)[5:45, 10:70])
    linear = ScaleAndCropImages(size=(40, 60), scale=0.5)({"imgs": [img]})
    assert linear is not None
    assert not np.array_equal(linear["imgs"][0], moved["imgs"][0])


def test_the_published_sizes() -> None:
    # 0.48 of 900 x 1600 is 432 x 768: rows from 176, columns from 32.
    sample = make_sample(num_views=1, img_shape=(900, 1600))
    moved = ScaleAndCropImages()(sample)
    assert moved["imgs"][0].shape == (256, 704, 3)
    matrix = moved["img_aug_matrix"][0]
    assert np.allclose(matrix[:2, 2], [0.5 * 0.48 - 0.5 - 32, 0.5 * 0.48 - 0.5 - 176])

    crops = RandomScaleAndCropImages().draw(
        {"imgs": sample["imgs"] * 300}, np.random.default_rng(0)
    )
    heights = np.array([crop.resized[0] for crop in crops])
    assert heights.min() in range(342, 346)
    assert heights.max() in range(491, 496)
    assert all(crop.top == crop.resized[0] - 256 for crop in crops)
    room = np.array([max(crop.resized[1] - 704, 0) for crop in crops])
    left = np.array([crop.left for crop in crops])
    assert ((left >= 0) & (left <= room)).all()
    assert np.corrcoef(left, room)[0, 1] < 0.9  # not always at one side or the middle


NUSCENES = (900, 1600)
SIZES = dict(
    vga=(480, 640),
    nuscenes=NUSCENES,
    three=(1536, 2048),
    four_k=(2160, 3840),
    portrait=(1920, 1080),
)


def seen_share(transform: Any, img_shape: tuple[int, int]) -> tuple[float, float, float]:
    """Return the seen shares of height and width, and the share of the input."""
    sample: dict[str, Any] = {"imgs": [np.full((*img_shape, 3), 255, np.uint8)]}
    moved = transform(sample)
    (matrix,), (img,) = moved["img_aug_matrix"], moved["imgs"]
    seen = img[..., 0] > 0
    rows, cols = seen.any(axis=1).sum(), seen.any(axis=0).sum()
    return rows / (matrix[1, 1] * img_shape[0]), cols / (matrix[0, 0] * img_shape[1]), seen.mean()


@pytest.mark.parametrize("img_shape", SIZES.values(), ids=SIZES)
def test_each_camera_is_seen_as_those_of_nuscenes(img_shape: tuple[int, int]) -> None:
    fitted = ScaleAndCropImages(scale_for=NUSCENES)
    height, width, _ = seen_share(fitted, img_shape)
    # 256 of 432 rows and 704 of 768 columns.
    assert height >= 256 / 432 - 0.01
    assert width >= 704 / 768 - 0.01


def test_images_of_the_stated_size_get_the_stated_scale() -> None:
    sample: Any = {"imgs": [np.zeros((*NUSCENES, 3), np.uint8)] * 20}
    plain, stated = (
        RandomScaleAndCropImages(scale_for=size).draw(sample, np.random.default_rng(1))
        for size in (None, NUSCENES)
    )
    assert plain == stated


def test_cameras_of_several_sizes_may_be_in_one_sample() -> None:
    imgs = [np.zeros((*size, 3), np.uint8) for size in SIZES.values()]
    sample: Any = {"imgs": imgs, "rng": np.random.default_rng(0)}
    moved = RandomScaleAndCropImages(scale_for=NUSCENES)(sample)
    assert moved is not None
    assert {img.shape for img in moved["imgs"]} == {(256, 704, 3)}


def test_a_small_image_is_padded_at_the_top_and_right() -> None:
    sample = make_sample()
    moved = ScaleAndCropImages((100, 170), scale=1.0)(freeze(sample))
    assert np.array_equal(moved["imgs"][1][10:, :160], sample["imgs"][1])
    assert (moved["imgs"][1][:10] == 0).all()
    assert (moved["imgs"][1][:, 160:] == 0).all()
    assert np.array_equal(moved["superpixels"][1][10:, :160], sample["superpixels"][1])
    assert (moved["superpixels"][1][:10] == -1).all()
    assert len(moved["pairing_points"]) == len(sample["pairing_points"])


def test_convention_angles_are_counter_clockwise_as_in_pil() -> None:
    sample = make_sample(num_views=1)
    turned = RandomRotateImages().apply(freeze(sample), np.deg2rad([10.0]))
    expected = Image.fromarray(sample["imgs"][0]).rotate(10, Image.Resampling.BILINEAR)
    inner = slice(20, -20)
    difference = turned["imgs"][0][inner, inner].astype(int) - np.asarray(expected)[inner, inner]
    assert np.abs(difference).max() <= 1
    # A quarter turn of a square brings its right edge to the top.
    assert np.allclose(rotation_matrix(np.pi / 2, (9, 9)) @ [8, 4, 1], [4, 0, 1])


def test_the_views_are_moved_one_by_one() -> None:
    sample = make_sample()
    scaled = RandomScaleAndCropImages((40, 80), scale=(0.6, 1.0))(freeze(sample))
    assert scaled is not None
    turned = RandomRotateImages()(freeze(scaled))
    assert turned is not None
    for key in (scaled["img_aug_matrix"], turned["img_aug_matrix"]):
        assert not np.allclose(key[0], key[1])


def test_pairs_are_refused_where_the_images_have_moved() -> None:
    sample = ScaleAndCropImages((20, 60), scale=0.5)(make_camera_sample(0))
    with pytest.raises(ValueError, match="Images were augmented before they were paired"):
        PairPointsWithPixels()(sample)


def test_packed_matrices_are_the_identity_without_augmentation() -> None:
    sample = make_camera_sample(0)
    inputs = PackInputs()(freeze(sample))["inputs"]
    assert np.allclose(inputs["lidar2cam"], sample["lidar2cam"])
    assert np.allclose(inputs["cam2img"], sample["cam2img"])
    assert np.array_equal(inputs["img_aug_matrix"], np.tile(np.eye(3), (3, 1, 1)))
    assert np.array_equal(inputs["lidar_aug_matrix"], np.eye(4))
    moved = RandomRotateZ()(RandomRotateImages()(sample) or {})
    assert moved is not None
    inputs = PackInputs()(moved)["inputs"]
    assert np.allclose(inputs["img_aug_matrix"], moved["img_aug_matrix"], atol=1e-5)
    assert np.allclose(inputs["lidar_aug_matrix"], moved["lidar_aug_matrix"])


def test_a_sample_of_images_alone_is_packed() -> None:
    sample = make_camera_sample(0)
    images: Sample = {
        "imgs": sample["imgs"],
        "lidar2cam": sample["lidar2cam"],
        "cam2img": sample["cam2img"],
    }
    inputs = PackInputs()(images)["inputs"]
    assert set(inputs) == {"imgs", "lidar2cam", "cam2img", "img_aug_matrix", "lidar_aug_matrix"}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (dict(type="ScaleAndCropImages", size=(0, 4)), "size must be a positive height and width"),
        (dict(type="ScaleAndCropImages", scale=0), "scale must be positive, but got 0"),
        (dict(type="RandomScaleAndCropImages", scale=(0.5, 0.4)), "scale must be two numbers in"),
        (dict(type="RandomScaleAndCropImages", scale=(-1, 1)), "scale must be positive"),
        (dict(type="RandomRotateImages", range_deg=(3, -3)), "range_deg must be two numbers in"),
    ],
)
def test_rejects_settings_out_of_range(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TRANSFORMS.build(config)
