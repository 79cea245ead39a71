"""Marked points followed through random chains of all transforms."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from perception_kd.datasets.transforms import (
    CropToDisc,
    CropToRange,
    DropCuboids,
    RandomFlipAxis,
    RandomFlipImages,
    RandomResizedCrop,
    RandomRotateZ,
    RandomScale,
    ResizeImages,
    Transform,
)
from perception_kd.structures import Sample
from tests.datasets.transforms.marked_sample import (
    HEIGHT,
    WIDTH,
    freeze,
    make_sample,
    source_pixels,
)

CLOUD: list[Transform] = [
    RandomRotateZ(),
    RandomFlipAxis(),
    RandomScale((0.9, 1.1)),
    DropCuboids(max_fraction=0.8, min_pairs=20),
    CropToDisc(18.0, (-15.0, 15.0)),
    CropToRange([-19, -19, -19, 19, 19, 19]),
]
IMAGES: list[Transform] = [RandomFlipImages(), RandomFlipImages(p=1.0)]
RESIZES: list[Transform] = [
    RandomResizedCrop((45, 83), min_pairs=30),
    ResizeImages((50, 100)),
]

chains = st.tuples(
    st.lists(st.sampled_from(CLOUD + IMAGES), max_size=6),
    st.lists(st.sampled_from(RESIZES), max_size=1),
    st.lists(st.sampled_from(CLOUD + IMAGES), max_size=6),
).map(lambda parts: [*parts[0], *parts[1], *parts[2]])


def run(chain: list[Transform], sample: Sample) -> Sample:
    for transform in chain:
        following = transform(freeze(sample))
        assert following is not None
        sample = following
    return sample


@settings(max_examples=60, deadline=None)
@given(chain=chains, seed=st.integers(0, 10_000))
def test_marked_points_stay_true_through_random_chains(chain: list[Transform], seed: int) -> None:
    before = make_sample(seed)
    expected_pixel = source_pixels(before)
    after = run(chain, before)

    # Points: intensity, original row, label and region tell the same row of the file;
    # the noted matrix leads from where it was to where it is.
    mark = after["points"][:, 3].astype(int)
    assert np.array_equal(after["original_points"], mark)
    assert np.array_equal(after["pts_semantic_mask"], mark % 7)
    assert np.array_equal(after["region_ids"], mark % 5 - 1)
    matrix = after.get("lidar_aug_matrix", np.eye(4))
    expected = before["points"][mark, :3] @ matrix[:3, :3].T
    np.testing.assert_allclose(after["points"][:, :3], expected, atol=1e-4)

    # Pairs: the content at the pair's pixel is that of the pixel first paired.
    rows, (view, r, c) = after["pairing_points"], after["pairing_images"].T
    imgs, superpixels = np.stack(after["imgs"]), np.stack(after["superpixels"])
    resized = imgs.shape[1:3] != (HEIGHT, WIDTH)
    for point, blue, red, green, superpixel in zip(
        mark[rows],
        imgs[view, r, c, 2],
        imgs[view, r, c, 0].astype(int),
        imgs[view, r, c, 1].astype(int),
        superpixels[view, r, c],
        strict=True,
    ):
        row, col = expected_pixel[point, blue]
        # Without a resize, exactly; with one, half a pixel of shift and half of
        # rounding, each up to 2.2 px of the source (90 x 160 to 45 x 83 at the
        # coarsest).
        tolerance = 2.2 if resized else 0
        assert abs(red - row) <= tolerance
        assert abs(green - col) <= tolerance
        assert abs(superpixel // WIDTH - row) <= tolerance
        assert abs(superpixel % WIDTH - col) <= tolerance


@settings(max_examples=40, deadline=None)
@given(chain=st.lists(st.sampled_from(CLOUD + IMAGES), max_size=6), seed=st.integers(0, 10_000))
def test_no_pair_is_lost_or_made_up_without_a_resize(chain: list[Transform], seed: int) -> None:
    before = make_sample(seed)
    after = run(chain, before)
    kept = set(after["original_points"].tolist())
    expected = {pair for pair in source_pixels(before) if pair[0] in kept}
    assert set(source_pixels(after)) == expected


@settings(max_examples=20, deadline=None)
@given(chain=chains, seed=st.integers(0, 10_000))
def test_the_same_generator_gives_the_same_sample(chain: list[Transform], seed: int) -> None:
    first, second = run(chain, make_sample(seed)), run(chain, make_sample(seed))
    for key in ("points", "pairing_points", "pairing_images"):
        assert np.array_equal(first[key], second[key])
    assert np.array_equal(first["imgs"], second["imgs"])
