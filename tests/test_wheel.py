"""The wheel, installed where the stack exists: it imports and finds its configs."""

import shutil
import subprocess
import sys
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

import perception_kd
from perception_kd.utils.project_files import find_project_files

ROOT = Path(__file__).parents[1]
# What a user does first: names, and a config by its name.
PROGRAM = """
from pathlib import Path
import perception_kd
from perception_kd.api.pretraining.settings import CONFIGS
from perception_kd.engine.run.launch import read_config
cfg = read_config("configs/slidr/slidr_efflite0_minkunet-small_1xb2-adamw-cosine-12e_nus.py")
names = [getattr(perception_kd, name).__name__ for name in perception_kd.__all__]
print(perception_kd.__file__, perception_kd.__version__, cfg.model.type, *names, sep="\\n")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of the tree, where nothing is built yet."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in ("perception_kd", "configs", "tools", "requirements"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet"]
    subprocess.run([*pip, "--wheel-dir", str(folder), str(source)], check=True, cwd=folder)
    (path,) = folder.glob("perception_kd-*.whl")
    return path


@pytest.mark.slow
def test_the_wheel_has_all_configs_and_the_tools_of_users(wheel: Path) -> None:
    names = set(ZipFile(wheel).namelist())
    prefix = "perception_kd/_project/"
    configs = [path for path in (ROOT / "configs").rglob("*.py") if "__pycache__" not in path.parts]
    missing = [path for path in configs if prefix + path.relative_to(ROOT).as_posix() not in names]
    assert len(configs) > 100
    assert missing == []
    assert {prefix + f"tools/{name}.py" for name in ("train", "pretrain", "doctor")} <= names
    assert prefix + "tools/mutants.py" not in names
    assert "perception_kd/py.typed" in names


@pytest.mark.slow
def test_the_wheel_works_in_an_environment_with_the_stack(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=False)
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    # The stack of this environment, after the wheel; its .pth files, such as that of
    # an editable perception_kd, are not read there.
    (stack,) = [path for path in map(Path, sys.path) if path.name == "site-packages"][:1]
    (site / "stack.pth").write_text(f"{stack}\n")
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet"]
    subprocess.run([*pip, "--target", str(site), str(wheel)], check=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    done = subprocess.run(
        [python, "-I", "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    file, version, model, *names = done.stdout.splitlines()[-3 - len(perception_kd.__all__) :]
    assert Path(file).is_relative_to(site)
    assert version == perception_kd.__version__
    assert model == "SuperpixelDistillation"
    assert names == perception_kd.__all__
    usage = subprocess.run(
        [python, "-I", "-m", "perception_kd", "train", "--help"], capture_output=True, text=True
    )
    assert usage.stdout.startswith("usage: train.py")


def test_an_installed_wheel_reads_its_own_project_files(tmp_path: Path) -> None:
    package = tmp_path / "perception_kd"
    package.mkdir()
    assert find_project_files(package) == tmp_path
    (package / "_project").mkdir()
    assert find_project_files(package) == package / "_project"
