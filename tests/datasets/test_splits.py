"""Splits against the devkit's lists and SLidR's counts."""

from pathlib import Path

import pytest

from perception_kd.datasets.nuscenes.splits import evaluation_set, split_names, split_scenes
from perception_kd.datasets.scene_lists import every_nth_scene, read_scene_list, scene_list_names
from perception_kd.datasets.semantickitti.splits import SEMANTICKITTI_SEQUENCES


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
    assert every_nth_scene(["a", "b", "c", "d", "e"], 2, from_first=True) == ["a", "c", "e"]


@pytest.mark.parametrize(
    ("percent", "step", "count"), [(1, 100, 7), (5, 20, 35), (10, 10, 70), (25, 4, 175)]
)
def test_the_lists_for_segmentation_follow_slidrs_rule(percent: int, step: int, count: int) -> None:
    # SLidR counts the training scenes from 1 along the scene table, whose order is that
    # of the names, and keeps those whose number the step divides.
    train = sorted(split_scenes("v1.0-trainval", "train"))
    expected = [name for number, name in enumerate(train, 1) if number % step == 0]
    assert read_scene_list(f"nuscenes_slidr_{percent}pct") == expected
    assert len(expected) == count


@pytest.mark.parametrize(("percent", "count"), [(5, 35), (10, 70), (20, 140), (50, 350)])
def test_the_lists_for_detection_follow_calicos_rule(percent: int, count: int) -> None:
    # Every k-th training scene from the first on, k = 1 / share.
    train = sorted(split_scenes("v1.0-trainval", "train"))
    expected = [name for i, name in enumerate(train) if i % (100 // percent) == 0]
    assert read_scene_list(f"nuscenes_calico_{percent}pct") == expected
    assert len(expected) == count
    assert expected[0] == "scene-0001"


@pytest.mark.parametrize(
    ("smaller", "larger", "common"),
    [
        *(("slidr_1pct", "slidr_5pct", 7), ("slidr_5pct", "slidr_10pct", 35)),
        *(("slidr_5pct", "slidr_25pct", 35), ("slidr_10pct", "slidr_25pct", 35)),
        *(("calico_5pct", "calico_10pct", 35), ("calico_10pct", "calico_20pct", 70)),
        *(("calico_10pct", "calico_50pct", 70), ("calico_20pct", "calico_50pct", 70)),
    ],
)
def test_two_published_lists_are_not_nested(smaller: str, larger: str, common: int) -> None:
    few, many = (set(read_scene_list(f"nuscenes_{name}")) for name in (smaller, larger))
    assert len(few & many) == common
    assert few <= many or (smaller, larger) in {
        ("slidr_10pct", "slidr_25pct"),
        ("calico_20pct", "calico_50pct"),
    }


def test_every_list_that_comes_along_is_checked_above() -> None:
    shares = {"calico": (5, 10, 20, 50), "slidr": (1, 5, 10, 25)}
    names = {f"nuscenes_{method}_{p}pct" for method, percents in shares.items() for p in percents}
    assert set(scene_list_names()) == names


def test_a_list_can_be_a_file(tmp_path: Path) -> None:
    own = tmp_path / "own.txt"
    own.write_text("scene-0002\nscene-0001\n")
    assert read_scene_list(own) == ["scene-0002", "scene-0001"]
    own.write_text("\n")
    with pytest.raises(ValueError, match=r"own\.txt is empty"):
        read_scene_list(own)
    with pytest.raises(
        FileNotFoundError, match=r"other\.txt; name a file, or one of nuscenes_calico"
    ):
        read_scene_list(tmp_path / "other.txt")


def test_evaluation_sets_have_the_devkits_names() -> None:
    assert evaluation_set("v1.0-mini", "scene-0103") == "mini_val"
    assert evaluation_set("v1.0-mini", "scene-0061") == "mini_train"
    assert evaluation_set("v1.0-trainval", "scene-0103") == "val"
    assert evaluation_set("v1.0-test", "scene-0077") == "test"
    with pytest.raises(ValueError, match=r"Scene .x. is in no official split of v1\.0-mini"):
        evaluation_set("v1.0-mini", "x")


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
