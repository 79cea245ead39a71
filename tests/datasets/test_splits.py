"""Splits against the devkit's lists and SLidR's counts."""

import pytest

from perception_kd.datasets.splits import (
    SEMANTICKITTI_SEQUENCES,
    every_nth_scene,
    split_names,
    split_scenes,
)


@pytest.mark.parametrize(
    ("version", "split", "count", "first"),
    [
        ("v1.0-mini", "train", 8, "scene-0061"),
        ("v1.0-mini", "val", 2, "scene-0103"),
        ("v1.0-trainval", "train", 700, "scene-0001"),
        ("v1.0-trainval", "val", 150, "scene-0003"),
        ("v1.0-test", "test", 150, "scene-0077"),
        ("v1.0-trainval", "parametrize_train", 600, "scene-0001"),
        ("v1.0-trainval", "parametrize_val", 100, "scene-0008"),
        ("v1.0-mini", "parametrize_train", 7, "scene-0061"),
        ("v1.0-mini", "parametrize_val", 1, "scene-1094"),
    ],
)
def test_splits_have_the_published_sizes(version: str, split: str, count: int, first: str) -> None:
    scenes = split_scenes(version, split)
    assert len(scenes) == len(set(scenes)) == count
    assert scenes[0] == first


def test_the_parametrize_splits_part_the_training_scenes() -> None:
    train, val = (split_scenes("v1.0-trainval", f"parametrize_{x}") for x in ("train", "val"))
    assert not set(train) & set(val)
    assert set(train) | set(val) == set(split_scenes("v1.0-trainval", "train"))


def test_names_of_splits_follow_the_version() -> None:
    assert split_names("v1.0-mini") == ["train", "val"]
    assert split_names("v1.0-test") == ["test"]


@pytest.mark.parametrize(("step", "count"), [(100, 7), (20, 35), (10, 70), (4, 175), (1, 700)])
def test_steps_leave_as_many_scenes_as_slidr_reports(step: int, count: int) -> None:
    assert len(every_nth_scene(split_scenes("v1.0-trainval", "train"), step)) == count


def test_convention_the_first_scene_taken_is_the_nth() -> None:
    assert every_nth_scene(["a", "b", "c", "d", "e"], 2) == ["b", "d"]


def test_semantickitti_has_22_sequences() -> None:
    numbers = [x for sequences in SEMANTICKITTI_SEQUENCES.values() for x in sequences]
    assert sorted(numbers) == list(range(22))
    assert SEMANTICKITTI_SEQUENCES["val"] == (8,)


def test_rejects_a_split_that_the_version_lacks() -> None:
    with pytest.raises(ValueError, match=r"split must be one of train, val, .* for v1.0-mini"):
        split_scenes("v1.0-mini", "test")


def test_rejects_an_unknown_version() -> None:
    with pytest.raises(ValueError, match=r"version must be one of .* but got 'v2'"):
        split_names("v2")


def test_rejects_a_step_that_leaves_nothing() -> None:
    with pytest.raises(ValueError, match=r"step must be in 1..3, but got 4"):
        every_nth_scene(["a", "b", "c"], 4)
    with pytest.raises(ValueError, match="but got 0"):
        every_nth_scene(["a"], 0)
