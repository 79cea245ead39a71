"""Images are written whole, in the colors given."""

import errno
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from perception_kd.io.images import write_image


def test_an_image_is_read_as_it_was_written(tmp_path: Path) -> None:
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    write_image(tmp_path / "color.png", image)
    assert np.array_equal(cv2.imread(str(tmp_path / "color.png"))[..., ::-1], image)
    write_image(tmp_path / "gray.png", image[..., 0])
    assert np.array_equal(cv2.imread(str(tmp_path / "gray.png"), -1), image[..., 0])


def test_an_image_on_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=r"No space left on device: '.*/a\.png'$"):
        write_image(tmp_path / "a.png", np.zeros((2, 2, 3), np.uint8))
    assert not list(tmp_path.iterdir())
