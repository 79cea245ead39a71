"""Stored crops bring the teacher's features to the pixels that a sample keeps."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perception_kd.datasets.stored_views import sum_superpixels, view_key
from perception_kd.datasets.transforms.base import count_pairs
from perception_kd.datasets.transforms.packing import PackInputs
from perception_kd.datasets.transforms.stored_crops import StoredCrops
from perception_kd.io.caches.rows import RowCache, RowEntry

SIZE = (24, 40)
NUM_CROPS = 3


def make_sample(tmp_path: Path, seed: int = 0) -> dict[str, Any]:
    """Make two views of 60 x 90 px with superpixels and pairs."""
    rng = np.random.default_rng(seed)
    superpixels = [np.sort(rng.integers(-1, 30, (60, 90), dtype=np.int32)) for _ in range(2)]
    pairs = np.stack([np.repeat([0, 1], 50), rng.integers(0, 60, 100), rng.integers(0, 90, 100)], 1)
    return {
        "info_root": str(tmp_path),
        "sample_token": "sample",
        "img_tokens": ["left", "right"],
        "img_shapes": [(60, 90), (60, 90)],
        "img_paths": ["left.jpg", "right.jpg"],
        "superpixels": superpixels,
        "points": rng.random((100, 5)).astype(np.float32),
        "pairing_points": np.arange(100),
        "pairing_images": pairs,
        "imgs": [rng.integers(0, 255, (60, 90, 3), dtype=np.uint8) for _ in range(2)],
        "rng": np.random.default_rng(seed),
    }


def make_step(**settings: Any) -> StoredCrops:
    return StoredCrops("teacher/x", **{"size": SIZE, "num_crops": NUM_CROPS, **settings})


def store(tmp_path: Path, step: StoredCrops, sample: dict[str, Any], channels: int = 4) -> None:
    """Store as features of a superpixel its id, the view and the crop."""
    settings = {**dict(step.settings or {}), "channels": channels, "teacher": {"weights": "w"}}
    cache = RowCache.create(tmp_path / "teacher/x", "teacher", settings, ".bin", {})
    for crop in step.crops:
        cut, views = step.cut(sample, crop)  # type: ignore[arg-type]
        for number, token in enumerate(sample["img_tokens"]):
            ids = np.unique(cut["superpixels"][number])
            ids = ids[ids >= 0]
            if step.stores == "map":
                ids = np.arange(6, dtype=np.int32)
            rows = np.stack([ids, 0 * ids + number, 0 * ids + (crop or 0), 0 * ids], axis=1)
            checksum = sum_superpixels(cut["superpixels"][number])
            view = views[number]._replace(checksum=checksum, map_height=2, map_width=3)
            cache.append([(view_key(token, crop), RowEntry(ids, rows.astype(np.float16), view))])


def without_images(sample: dict[str, Any]) -> Any:
    return {key: value for key, value in sample.items() if key != "imgs"}


def test_features_superpixels_and_pairs_are_of_the_same_crop(tmp_path: Path) -> None:
    step, sample = make_step(), make_sample(tmp_path)
    store(tmp_path, step, sample)
    crops = set()
    for seed in range(8):
        loaded = step(without_images({**sample, "rng": np.random.default_rng(seed)}))
        sizes = [int(ids.max()) + 1 for ids in loaded["superpixels"]]
        assert len(loaded["superpixel_feats"]) == sum(sizes)
        start = 0
        drawn: list[int] = []
        for number, (ids, size) in enumerate(zip(loaded["superpixels"], sizes, strict=True)):
            feats = loaded["superpixel_feats"][start : start + size]
            present = np.unique(ids[ids >= 0])
            crop = int(feats[present[0], 2])
            np.testing.assert_array_equal(feats[present, 0], present)
            assert (feats[present, 1] == number).all()
            cut, _ = step.cut(sample, crop)  # type: ignore[arg-type]
            np.testing.assert_array_equal(ids, cut["superpixels"][number])
            of_view = loaded["pairing_images"][loaded["pairing_images"][:, 0] == number]
            expected = cut["pairing_images"][cut["pairing_images"][:, 0] == number]
            np.testing.assert_array_equal(of_view, expected)
            start, drawn = start + size, [*drawn, crop]
        assert count_pairs(loaded).sum() == len(loaded["pairing_points"]) > 0
        crops.add(tuple(drawn))
    assert len(crops) > 3


def test_a_crop_depends_on_seed_sample_and_number_alone(tmp_path: Path) -> None:
    step, sample = make_step(), make_sample(tmp_path)
    views = [step.cut(sample, crop)[1] for crop in step.crops]  # type: ignore[arg-type]
    assert views == [make_step().cut(sample, crop)[1] for crop in step.crops]  # type: ignore[arg-type]
    assert len({tuple(each) for each in views}) == NUM_CROPS
    assert views[0] != make_step(seed=1).cut(sample, 0)[1]  # type: ignore[arg-type]


def test_whole_images_are_not_cropped(tmp_path: Path) -> None:
    step, sample = make_step(num_crops=0), make_sample(tmp_path)
    store(tmp_path, step, sample)
    loaded = step(without_images(sample))
    kept = (np.rint(sample["pairing_images"][:, 1:] * (24 / 60, 40 / 90)) < SIZE).all(axis=1)
    assert len(loaded["pairing_points"]) == kept.sum()
    assert loaded["superpixels"][0].shape == SIZE


def test_maps_are_packed_in_the_order_of_cells(tmp_path: Path) -> None:
    step, sample = make_step(stores="map"), make_sample(tmp_path)
    store(tmp_path, step, sample)
    packed = PackInputs()(step(without_images(sample)))
    maps = packed["inputs"]["teacher_maps"]
    assert maps.shape == (2, 4, 2, 3)
    assert maps[1, 0].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert (maps[1, 1] == 1).all()
    assert packed["data_samples"].teacher_cache["teacher"] == {"weights": "w"}


def test_features_of_other_superpixels_are_refused(tmp_path: Path) -> None:
    step, sample = make_step(), make_sample(tmp_path)
    store(tmp_path, step, sample)
    sample["superpixels"] = [np.where(ids == 3, 4, ids) for ids in sample["superpixels"]]
    with pytest.raises(ValueError, match=r"teacher/x is stale: .* over other superpixels"):
        step(without_images(sample))


def test_a_cache_of_another_number_of_crops_is_refused(tmp_path: Path) -> None:
    sample = make_sample(tmp_path)
    store(tmp_path, make_step(), sample)
    with pytest.raises(ValueError, match=r"crops is .*'num_crops': 3"):
        make_step(num_crops=2)(without_images(sample))


def test_a_missing_cache_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"Create it: python tools/create_data.py teacher"):
        make_step()(without_images(make_sample(tmp_path)))


@pytest.mark.parametrize("setting", [{"stores": "grid"}, {"num_crops": -1}, {"p": 2.0}])
def test_settings_out_of_range_are_refused(setting: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(setting))} must"):
        make_step(**setting)
