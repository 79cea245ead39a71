"""A conversion that is stopped anywhere ends the same after the same command again."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from perception_kd.calibration import report
from perception_kd.datasets.folder import converter, undistortion
from perception_kd.io.info_writer import InfoWriter
from tests.datasets.folder.test_strangers import rig_content, write_drive
from tools.create_data import main

# What is called while a conversion runs, and the call at which it is stopped.
PLACES: list[tuple[Any, str, int]] = [
    (converter, "read_rig", 1),
    (converter, "measure_images", 1),
    (undistortion, "write_image", 3),
    (converter, "make_metainfo", 1),
    (InfoWriter, "append", 2),
    (report, "read_frames", 1),
    (report, "judge_calibration", 1),
    (report, "write_image", 1),
    (report, "write_whole", 1),
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_drive(tmp_path_factory.mktemp("stops") / "drive")
    rig = rig_content()
    rig["cameras"]["front"]["distortion"] = {"model": "opencv", "coefficients": [-0.1, 0, 0, 0]}
    rig["splits"] = {"val_share": 0.5, "guard_s": 0}
    (root / "rig.yaml").write_text(yaml.safe_dump(rig))
    return root


def convert(root: Path) -> int:
    out = str(root.parent / "out")
    return main(["folder", "--root", str(root), "--out-dir", out, "--workers", "0"])


def read_all(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def stop_at(original: Callable[..., Any], call: int) -> Any:
    calls: list[None] = []

    def stopped(*args: Any, **settings: Any) -> Any:
        calls.append(None)
        if len(calls) == call:
            # What the handlers of signals raise stays in effect until the process ends.
            raise KeyboardInterrupt
        return original(*args, **settings)

    return stopped


def test_the_same_command_again_writes_the_same_bytes(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = root.parent / "out"
    assert convert(root) == 0
    expected = read_all(out)
    assert "calibration/verdicts.json" in expected
    for where, name, call in PLACES:
        shutil.rmtree(out)
        with monkeypatch.context() as patch:
            patch.setattr(where, name, stop_at(getattr(where, name), call))
            assert convert(root) == 130, name
        assert convert(root) == 0
        assert read_all(out) == expected, name
