"""Checks of info files as a whole."""

from pathlib import Path

import pytest

from perception_kd.doctor.finding import Fault, FaultKind, Finding, Level, group_faults, worst_level
from perception_kd.doctor.infos import (
    Info,
    InfoSource,
    check_splits,
    list_info_sources,
    read_source,
)
from perception_kd.engine.config.overrides import set_data_folders
from perception_kd.engine.run.launch import read_config
from perception_kd.io.info_writer import make_metainfo, write_info
from tests.doctor.conftest import PRC


def make_info(name: str, *scenes: str) -> Info:
    samples = [{"token": f"{name}{i}", "scene_name": scene} for i, scene in enumerate(scenes)]
    return Info(InfoSource(Path(f"{name}.pkl"), Path("d"), Path("i")), {}, samples)


def test_splits_without_common_scenes_are_right() -> None:
    (finding,) = check_splits([make_info("train", "a", "b"), make_info("val", "c")])
    assert finding.level is Level.OK


def test_a_scene_of_two_splits_is_an_error() -> None:
    (finding,) = check_splits([make_info("train", "a", "b"), make_info("val", "b", "c")])
    assert finding.level is Level.ERROR
    assert "1 scene is in both train.pkl and val.pkl, such as b" in finding.what


def test_a_sample_that_occurs_twice_is_an_error() -> None:
    info = make_info("train", "a", "b", "b")
    info.samples[2]["token"] = info.samples[1]["token"]
    (finding,) = check_splits([info])
    assert finding.level is Level.ERROR
    assert "1 sample occurs twice, such as train1" in finding.what


@pytest.mark.parametrize("content", [None, b"", b"garbage"])
def test_an_info_file_that_cannot_be_read_is_an_error(
    content: bytes | None, tmp_path: Path
) -> None:
    path = tmp_path / "nuscenes_infos_train.pkl"
    if content is not None:
        path.write_bytes(content)
    finding = read_source(InfoSource(path, tmp_path, tmp_path))
    assert isinstance(finding, Finding)
    assert finding.level is Level.ERROR
    assert "make it with: python tools/create_data.py nuscenes" in str(finding)


def test_an_info_file_without_samples_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "nuscenes_infos_train.pkl"
    write_info(path, make_metainfo("nuscenes", "v1.0-mini", "python x.py"), [])
    finding = read_source(InfoSource(path, tmp_path, tmp_path))
    assert isinstance(finding, Finding)
    assert finding.level is Level.ERROR


def test_a_missing_data_root_is_an_error(tmp_path: Path) -> None:
    finding = read_source(InfoSource(tmp_path / "i.pkl", tmp_path / "none", tmp_path))
    assert isinstance(finding, Finding)
    assert finding.remedy == "give it as --root"


def test_info_files_come_from_the_options_or_the_config(tmp_path: Path) -> None:
    path = tmp_path / "nuscenes_infos_val.pkl"
    path.touch()
    assert list_info_sources(tmp_path, None, None) == [InfoSource(path, tmp_path, tmp_path)]
    assert list_info_sources(None, [path], None) == [InfoSource(path, tmp_path, tmp_path)]
    cfg = read_config(PRC)
    set_data_folders(cfg, "DATA", "INFO")
    sources = list_info_sources(None, None, cfg)
    assert {source.data_root for source in sources} == {Path("DATA")}
    assert sources[0].path == Path("INFO/nuscenes_infos_train.pkl")
    assert list_info_sources(None, [path], cfg)[0].data_root == Path("DATA")


def test_faults_of_one_kind_are_one_finding() -> None:
    kinds = {name: FaultKind(Level.ERROR, "data", f"{name}s are broken", "do it") for name in "ab"}
    faults = [
        Fault("b", "f0", "It is bad."),
        *(Fault("a", f"f{i}", f"Bad {i}.") for i in range(30)),
    ]
    first, second = group_faults(faults, kinds)
    assert (first.count, first.where, len(first.places)) == (30, "f0", 20)
    assert first.what == "30 as are broken, the first: Bad 0."
    assert second.what == "It is bad."
    assert worst_level([first, second]) is Level.ERROR
    assert worst_level([]) is Level.OK
