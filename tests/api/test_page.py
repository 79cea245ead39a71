"""The programs of docs/python.md and of README.md run, and importing stays cheap."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import perception_kd
from tests.api.inference.test_network import RAD, SLIDR, Make

ROOT = Path(__file__).parents[2]


def read_programs(page: str) -> str:
    return "\n".join(re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.M | re.S))


@pytest.mark.parametrize("page", ["docs/python.md", "README.md"])
def test_the_programs_of_a_page_run(
    page: str, trained: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run, rad = trained(SLIDR), trained(RAD)
    for folder, path in (("x/slidr", run.path), ("rad", rad.path)):
        target = tmp_path / "work_dirs" / folder / "epoch_12.pth"
        target.parent.mkdir(parents=True)
        shutil.copy(path, target)
    content = (rad.clouds[0], rad.imgs[0], *rad.calibrations[0].values())
    for name, value in zip(("sweep", "images", "lidar2cam", "cam2img"), content, strict=True):
        np.save(f"{name}.npy", value)
    values: dict[str, Any] = {"cloud": run.clouds[0], "imgs": run.imgs[0]}
    exec(read_programs(page), values)
    assert values["feats"].shape == (len(run.clouds[0]), 64)
    if page == "docs/python.md":
        assert values["bev"].shape == (16, 128, 128)
        assert values["lidar_bev"].shape == (48, 128, 128)


def test_importing_the_package_imports_nothing_else() -> None:
    program = (
        "import sys, perception_kd; print([m for m in ('numpy', 'torch') if m in sys.modules])"
    )
    command = [sys.executable, "-c", program]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert printed.strip() == "[]"


def test_public_names_are_listed_once_and_exist() -> None:
    assert sorted(perception_kd.__all__) == perception_kd.__all__
    assert all(getattr(perception_kd, name).__doc__ for name in perception_kd.__all__)
    assert set(perception_kd.__all__) <= set(dir(perception_kd))
    with pytest.raises(AttributeError, match="no attribute 'loud'"):
        _ = perception_kd.loud


@pytest.mark.parametrize("name", perception_kd.__all__)
def test_a_public_name_has_an_example_that_runs(name: str) -> None:
    # pytest runs the examples of all docstrings (--doctest-modules).
    assert ">>> " in str(getattr(perception_kd, name).__doc__)
