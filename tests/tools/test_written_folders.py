"""Commands write to the folders that they were given, and to no other."""

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.faults import ROOT, Tool

CHAIN = """
import sys
from tools import create_data, train
config, given = sys.argv[1], sys.argv[2]
data, infos, work = f"{given}/data", f"{given}/infos", f"{given}/work"
small = ["--scenes", "2", "--keyframes", "2", "--sweeps", "0", "--image-size", "96x64"]
assert create_data.main(["synthetic", "--root", data, *small, "--workers", "2"]) == 0
"""
READ_ONLY = """
infos_of = [f"{infos}/nuscenes_infos_{split}.pkl" for split in ("train", "val")]
nuscenes = ["nuscenes", "--root", data, "--version", "v1.0-mini", "--out-dir", infos]
assert create_data.main(nuscenes) == 0
for kind in ("superpixels", "regions"):
    assert create_data.main([kind, "--info", *infos_of, "--data-root", data]) == 0
folders = ["--data-root", data, "--info-root", infos, "--work-dir", work]
assert train.main([config, *folders, "--cfg-options", "train_cfg.max_epochs=1"]) == 0
"""
CONFIG = ROOT / "configs/calico/prc_pillar04-small_1xb2-adamw-cosine-8e_synthetic.py"


def list_files(folder: Path) -> dict[Path, tuple[int, int]]:
    """Return size and time of change of all files, but for compiled Python."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    found = {path: path.lstat() for path in files}
    return {path: (status.st_size, status.st_mtime_ns) for path, status in found.items()}


@pytest.mark.slow
def test_commands_write_to_the_given_folders_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, around = tmp_path / "given", tmp_path / "around"
    for name in ("current", "home"):
        (around / name).mkdir(parents=True)
    monkeypatch.setenv("HOME", str(around / "home"))
    # Sockets need a short path.
    temporary = Path(tempfile.mkdtemp(dir="/tmp"))
    monkeypatch.setenv("TMPDIR", str(temporary))
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR"):
        monkeypatch.delenv(name, raising=False)
    source = list_files(ROOT / "configs"), list_files(ROOT / "tools")
    for script in (CHAIN, CHAIN + READ_ONLY):
        (tmp_path / "chain.py").write_text(f"if __name__ == '__main__':\n{indent(script)}")
        before = list_files(given / "data")
        with Tool([tmp_path / "chain.py", CONFIG, given], around / "current") as tool:
            assert tool.end() == 0, tool.output
        (around / "current" / "output.txt").unlink()
        assert not before or list_files(given / "data") == before
        # Libraries, such as yapf and matplotlib, keep tables of their own there.
        written = {path.relative_to(around) for path in around.rglob("*")}
        own = ("home/.cache", "home/.config")
        others = {path for path in written if not str(path).startswith(own)}
        assert others == {Path("current"), Path("home")}
        # torch makes an empty folder for compiled code.
        assert not [path for path in temporary.rglob("*") if path.is_file()]
    shutil.rmtree(temporary)
    assert (list_files(ROOT / "configs"), list_files(ROOT / "tools")) == source
    assert {path.name for path in given.iterdir()} == {"data", "infos", "work"}


def indent(text: str) -> str:
    """Indent lines of a script."""
    return "".join(f"    {line}\n" for line in text.splitlines())
