"""tools/similarity.py with random weights, and what it refuses."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine import Config
from mmengine.registry import init_default_scope

from perception_kd.registry import MODELS
from tests.fake_data.prepared import PreparedData
from tests.recordings import read_recording
from tests.test_configs import PROBE, SLIDR_SMOKE
from tools import similarity


@pytest.fixture(scope="module")
def given(prepared_synthetic: PreparedData, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Config, checkpoint and folders."""
    init_default_scope("perception_kd")
    checkpoint = tmp_path_factory.mktemp("twin") / "random.pth"
    torch.save(MODELS.build(Config.fromfile(SLIDR_SMOKE).model).state_dict(), checkpoint)
    return [str(SLIDR_SMOKE), str(checkpoint), *prepared_synthetic.options_for(SLIDR_SMOKE)]


def test_one_image_per_query(
    given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out-dir", str(tmp_path)]
    assert similarity.main([*given, *out, "--index", "1", "--points", "5", "70"]) == 0
    names = ["000001_point000005.png", "000001_point000070.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    printed = capsys.readouterr().out
    assert all(str(tmp_path / name) in printed for name in names)


def test_images_go_to_the_work_dir_that_is_given(
    given: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    work_dir = tmp_path / "there"
    assert similarity.main([*given, "--work-dir", str(work_dir), "--points", "5"]) == 0
    assert [path.name for path in work_dir.rglob("*.png")] == ["000000_point000005.png"]
    assert not list((tmp_path / "here").iterdir())


def test_the_chosen_points_are_always_the_same(given: list[str], tmp_path: Path) -> None:
    for folder in ("a", "b"):
        assert similarity.main([*given, "--num", "2", "--out-dir", str(tmp_path / folder)]) == 0
    first, again = (sorted(p.name for p in (tmp_path / f).iterdir()) for f in ("a", "b"))
    assert first == again
    assert len(first) == 2


def test_a_recording_for_rerun_has_a_step_per_query(given: list[str], tmp_path: Path) -> None:
    pytest.importorskip("rerun")
    path = tmp_path / "scene.rrd"
    out = ["--out-dir", str(tmp_path), "--rerun", str(path)]
    assert similarity.main([*given, *out, "--points", "5", "70"]) == 0
    scene = read_recording(path, "query")
    points = scene["lidar/features:Position3D"]
    assert len(points) == 2
    np.testing.assert_array_equal(scene["lidar/query:Position3D"][1], points[1][70:71])
    assert len(scene["lidar/similarity:Color"][0]) == len(points[0])
    assert any(name.startswith("cameras/") for name in scene)
    assert [each.name for each in tmp_path.iterdir() if each.name.endswith(".tmp")] == []


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (["--index", "3"], "--index must be in 0..2, but got 3"),
        (["--points", "99999999"], "query must be one of"),
        (["--num", "0"], "num must be at least 1, but got 0"),
        (["--data-root", "/no/such"], "No folder at data_root=/no/such"),
        (["--out-dir", "/dev/null/x"], "Cannot write to --out-dir /dev/null/x"),
    ],
)
def test_user_errors_are_one_line(
    given: list[str],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    wrong: list[str],
    expected: str,
) -> None:
    assert similarity.main([*given, "--out-dir", str(tmp_path), *wrong]) == 2
    error = capfd.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ")
    assert expected in error


def test_a_config_without_images_is_refused(
    given: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert similarity.main([str(PROBE), *given[1:]]) == 2
    assert "is not an image-to-LiDAR pre-training" in capfd.readouterr().err
