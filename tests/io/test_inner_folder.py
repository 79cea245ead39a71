"""Folders that a command makes stay in the folder that it was given."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from perception_kd.datasets.nuscenes.submission import NuScenesSubmission
from perception_kd.io.caches.cache import Cache
from perception_kd.io.caches.fill import write_previews
from perception_kd.io.inner_folder import make_inner_folder


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Make a folder that a command is given, and one that it is not."""
    given, other = tmp_path / "given", tmp_path / "other"
    given.mkdir()
    other.mkdir()
    return given, other


def test_a_link_that_leads_out_is_refused(folders: tuple[Path, Path]) -> None:
    given, other = folders
    (given / "link").symlink_to(other)
    for name in ("link", "link/deeper", "inner/../../other"):
        with pytest.raises(PermissionError, match=r"by a symbolic link, .*; remove the link"):
            make_inner_folder(given, given / name)
    assert not list(other.iterdir())


def test_links_that_stay_inside_are_followed(folders: tuple[Path, Path]) -> None:
    given, _ = folders
    (given / "true").mkdir()
    (given / "link").symlink_to("true")
    (given.parent / "elsewhere").symlink_to(given)
    assert make_inner_folder(given, given / "link" / "a").is_dir()
    assert (given / "true" / "a").is_dir()
    # The given folder itself may be a link.
    assert make_inner_folder(given.parent / "elsewhere", given.parent / "elsewhere" / "b").is_dir()


def test_a_submission_stays_in_its_folder(folders: tuple[Path, Path]) -> None:
    given, other = folders
    (given / "lidarseg").symlink_to(other)
    sample = dict(scene_name="scene-0103", lidar_token="a")
    with pytest.raises(PermissionError, match="lidarseg"):
        NuScenesSubmission(given, "v1.0-mini").write(sample, np.zeros(3, np.int64))
    assert not list(other.iterdir())


def test_previews_stay_in_their_cache(folders: tuple[Path, Path]) -> None:
    given, other = folders
    cache = Cache.create(given / "cache", "superpixels", {}, ".png", {})
    cache.write("a", b"entry")
    (given / "cache" / "preview").symlink_to(other)
    maker: Any = SimpleNamespace(draw=lambda cache, source, path: path.write_bytes(b"drawn"))
    with pytest.raises(PermissionError, match="preview"):
        write_previews(cache, maker, [SimpleNamespace(key="a", path="a.jpg")], 1)
    assert not list(other.iterdir())
