"""``create_data.py regions`` on small sweeps: made, resumed, refused, stopped."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perception_kd.datasets.transforms import LoadPoints, LoadRegions
from perception_kd.engine.commands.create_regions import add_arguments, run
from perception_kd.io.caches.cache import Cache
from perception_kd.io.errors import BrokenFileError
from perception_kd.io.info_file import read_info
from perception_kd.io.info_writer import make_metainfo, write_info
from perception_kd.io.listed_files import list_sweeps
from perception_kd.io.point_files.readers import count_stored_points
from perception_kd.regions.codec import REGIONS, encode_region_ids, load_region_ids
from perception_kd.regions.segmentation import make_regions
from perception_kd.regions.settings import RegionSettings
from perception_kd.structures import PointLayout, Sample
from tests.regions.scene import make_box, make_ground

TOKENS = ("a", "b", "c")


def write_sweep(root: Path, token: str, number: int) -> dict[str, Any]:
    """Write a sweep with as many cars as its number says; return its sample."""
    cars = [make_box((8, 6.0 * i - 9), (4.0, 1.8, 1.6)) for i in range(number)]
    points = np.concatenate([make_ground((-14, 14), (-12, 12)), *cars])
    path = root / "samples" / f"{token}.bin"
    path.parent.mkdir(exist_ok=True)
    np.column_stack([points, np.zeros((len(points), 2))]).astype(np.float32).tofile(path)
    return {
        "token": token,
        "scene_name": "scene-1" if token == "c" else "scene-0",
        "lidar_points": {"lidar_path": path.name, "num_pts_feats": 5},
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three sweeps of two scenes with one, two and three cars, and an info file."""
    samples = [write_sweep(tmp_path, token, i + 1) for i, token in enumerate(TOKENS)]
    prefix = {"pts": "samples"}
    metainfo = make_metainfo("nuscenes", "v1.0-mini", "convert", data_prefix=prefix)
    write_info(tmp_path / "infos.pkl", metainfo, samples)
    return tmp_path


def create(root: Path, *options: str) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    base = ["--info", str(root / "infos.pkl"), "--data-root", str(root), "--preview", "0"]
    run(parser.parse_args([*base, "--workers", "0", *options]))


def open_cache(root: Path, name: str = "regions/dbscan") -> Cache:
    return Cache.open(root / name, REGIONS)


def get_times(cache: Cache) -> dict[str, int]:
    return {key: cache.path(key).stat().st_mtime_ns for key in sorted(cache.keys())}


def test_sweeps_are_found_by_token_and_prefix(root: Path) -> None:
    sweeps = list_sweeps("infos.pkl", read_info(root / "infos.pkl"), root)
    assert [sweep.key for sweep in sweeps] == ["a", "b", "c"]
    assert [sweep.scene for sweep in sweeps] == ["scene-0", "scene-0", "scene-1"]
    assert sweeps[1].path == f"{root}/samples/b.bin"
    assert (
        count_stored_points(sweeps[1].path, sweeps[1].layout)
        == len(np.fromfile(sweeps[1].path, np.float32)) // 5
    )


def test_the_cache_holds_the_regions_of_each_sweep(root: Path) -> None:
    create(root)
    cache = open_cache(root)
    assert cache.keys() == set(TOKENS)
    for i, token in enumerate(TOKENS):
        points = np.fromfile(root / f"samples/{token}.bin", np.float32).reshape(-1, 5)
        region_ids = load_region_ids(cache, token, len(points))
        assert np.array_equal(region_ids, make_regions(points))
        assert region_ids.max() == i


def test_stored_regions_are_loaded_with_the_points(root: Path) -> None:
    create(root)
    sample: Sample = {"sample_token": "c", "info_root": str(root)}
    sample["point_layout"] = PointLayout(num_columns=5)
    loaded = LoadPoints()({**sample, "lidar_path": str(root / "samples/c.bin")})
    assert loaded is not None
    settings = RegionSettings().as_dict()
    region_ids = LoadRegions("regions/dbscan", settings)(loaded)["region_ids"]
    expected = np.maximum(make_regions(loaded["points"]), -1)
    assert np.array_equal(region_ids, expected)
    assert set(region_ids) == {-1, 0, 1, 2}


def test_the_manifest_is_filled_in(root: Path) -> None:
    create(root, "--settings", "eps=0.6", "max_area=30")
    manifest = json.loads((root / "regions/dbscan/manifest.json").read_text())
    assert manifest["settings"] == RegionSettings(eps=0.6, max_area=30.0).as_dict()
    assert manifest["num_entries"] == 3
    (source,) = manifest["sources"]
    assert source["made_with"].startswith("perception_kd ")
    assert "--preset nuscenes --settings eps=0.6 max_area=30 --workers 0" in source["command"]


def test_another_data_set_has_its_own_settings(root: Path) -> None:
    info = read_info(root / "infos.pkl")
    info["metainfo"]["dataset"] = "SemanticKITTI"
    write_info(root / "kitti.pkl", info["metainfo"], info["data_list"])
    create(root, "--info", str(root / "kitti.pkl"))
    assert open_cache(root).manifest["settings"]["sensor_height"] == 1.73
    # The ground is too low for the vehicle coordinates of Waymo: another sensor's.
    create(root, "--preset", "waymo", "--out-dir", str(root / "waymo"))
    assert open_cache(root, "waymo").manifest["settings"]["sensor_height"] == 1.84
    with pytest.raises(ValueError, match="none of the 3 sweeps"):
        create(root, "--settings", "sensor_height=0", "--out-dir", str(root / "low"))
    assert open_cache(root, "low").manifest["settings"]["sensor_height"] == 0


def test_named_thresholds_are_where_settings_start(root: Path) -> None:
    create(root, "--thresholds", "fine", "--settings", "min_area=0.1")
    manifest = json.loads((root / "regions/dbscan/manifest.json").read_text())
    fine = RegionSettings(eps=0.5, min_side_ratio=0.05, min_area=0.1)
    assert manifest["settings"] == fine.as_dict()
    command = manifest["sources"][0]["command"]
    assert "--preset nuscenes --thresholds fine --settings min_area=0.1" in command


def test_statistics_of_each_scene_are_logged(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(
        "mmengine.logging.MMLogger.info",
        lambda self, text: lines.append(text),
    )
    create(root)
    assert lines.pop(0).startswith("Ground: 1.84 m below the LiDAR (1.84 to 1.84 m in 3 sweeps)")
    assert lines[0].endswith("regions/dbscan: 3 sweeps done, 2.0 regions each; 0 kept")
    assert lines[1].startswith("scene-0: 2 sweeps, 1.5 regions each of ")
    assert lines[2].startswith("scene-1: 1 sweeps, 3.0 regions each of ")
    assert lines[3].startswith("all: 3 sweeps, 2.0 regions each of ")
    first = lines[1:]
    lines.clear()
    create(root)  # nothing to do: the same statistics, from the cache
    del lines[0]
    assert lines[0].endswith("regions/dbscan: 0 sweeps done, 0.0 regions each; 3 kept")
    assert lines[1:] == first


def test_no_resume_makes_all_entries_again(root: Path) -> None:
    create(root)
    before = get_times(open_cache(root))
    create(root)
    assert get_times(open_cache(root)) == before
    create(root, "--no-resume")
    after = get_times(open_cache(root))
    assert all(after[key] > before[key] for key in before)


def test_verify_replaces_only_broken_files(root: Path) -> None:
    create(root)
    cache = open_cache(root)
    before = get_times(cache)
    path = cache.path("b")
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    create(root, "--verify")
    sweep = list_sweeps("infos.pkl", read_info(root / "infos.pkl"), root)[1]
    assert load_region_ids(cache, "b", count_stored_points(sweep.path, sweep.layout)).max() == 1
    del before["b"]
    assert before.items() <= get_times(cache).items()


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: b"",
        lambda path: path.read_bytes()[:-1],
        lambda path: bytes(1000),
        lambda path: path.with_name("c.npz").read_bytes(),
        lambda path: encode_region_ids(np.full(10, -1)),
        lambda path: encode_region_ids(np.full(num_points(path), 10**9)),
        lambda path: encode_region_ids(np.full(num_points(path), -99)),
    ],
    ids=["empty", "cut off", "zeros", "another sweep", "few ids", "large ids", "unknown reason"],
)
def test_verify_makes_every_damaged_entry_again(root: Path, harm: Callable[[Path], bytes]) -> None:
    create(root)
    path = open_cache(root).path("b")
    whole = path.read_bytes()
    path.write_bytes(harm(path))
    create(root, "--verify")
    assert path.read_bytes() == whole


def num_points(path: Path) -> int:
    """Return the number of points of the sweep of an entry."""
    return len(np.load(path)["region_ids"])


def test_a_broken_file_is_named_without_verify(root: Path) -> None:
    create(root)
    path = open_cache(root).path("b")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BrokenFileError, match=r"b\.npz is not a complete .* Delete the file, then"):
        create(root)


def test_other_settings_are_not_mixed_in(root: Path) -> None:
    create(root)
    with pytest.raises(ValueError, match=r"eps is 0.75, not 0.5"):
        create(root, "--settings", "eps=0.5")


def test_unreadable_sweeps_are_named_at_the_end(root: Path) -> None:
    (root / "samples/a.bin").unlink()
    cut = root / "samples/c.bin"
    cut.write_bytes(cut.read_bytes()[:-3])
    message = r"2 of 3 sweeps cannot be read(.|\n)*No LiDAR sweep at .*a.bin(.|\n)*c.bin"
    with pytest.raises(BrokenFileError, match=message):
        create(root, "--preview", "3")
    assert open_cache(root).keys() == {"b"}
    assert open_cache(root).manifest["num_entries"] == 1


def test_an_interrupted_run_resumes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = iter(range(10))

    def stop_at_the_third(*args: Any) -> Any:
        if next(count) == 2:
            raise KeyboardInterrupt
        return make_regions(*args)

    monkeypatch.setattr("perception_kd.regions.create.make_regions", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        create(root)
    assert open_cache(root).manifest["num_entries"] == 2
    before = get_times(open_cache(root))
    create(root)
    assert len(get_times(open_cache(root))) == 3
    assert before.items() <= get_times(open_cache(root)).items()


def test_previews_show_sweeps_and_statistics(root: Path) -> None:
    create(root)
    assert not (root / "regions/dbscan/preview").exists()
    create(root, "--preview", "2")
    names = sorted(path.name for path in (root / "regions/dbscan/preview").iterdir())
    assert names == ["a.png", "b.png", "statistics.png"]
    assert open_cache(root).keys() == set(TOKENS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--settings", "eps=-1"], "eps must be positive, but got -1.0"),
        (["--settings", "size=1"], "settings must be name=value"),
        (["--workers", "-1"], "--workers must be at least 0, but got -1"),
        (["--preview", "-1"], "--preview must be at least 0, but got -1"),
    ],
)
def test_wrong_options_are_refused_first(root: Path, options: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create(root, *options)
    assert not (root / "regions").exists()


def test_a_wrong_data_root_is_refused_first(root: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"No data set at .*; give its folder"):
        create(root, "--data-root", str(root / "nowhere"))
    assert not (root / "regions").exists()


@pytest.mark.slow
def test_worker_processes_make_the_same_regions(root: Path) -> None:
    create(root)
    create(root, "--out-dir", str(root / "two"), "--workers", "2")
    one, two = open_cache(root), open_cache(root, "two")
    for sweep in list_sweeps("infos.pkl", read_info(root / "infos.pkl"), root):
        number = count_stored_points(sweep.path, sweep.layout)
        expected = load_region_ids(one, sweep.key, number)
        assert np.array_equal(load_region_ids(two, sweep.key, number), expected)


@pytest.mark.parametrize("again", [False, True])
def test_sweeps_without_any_region_are_an_error(root: Path, again: bool) -> None:
    for token in TOKENS:
        write_sweep(root, token, 0)
    with pytest.raises(ValueError, match=r"dbscan: none of the 3 sweeps has a region, so there"):
        create(root)
    if again:  # all entries are there already
        with pytest.raises(ValueError, match="none of the 3 sweeps"):
            create(root, "--resume")
