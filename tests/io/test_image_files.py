"""Images: as they are stored, and nothing that the decoder would fill or convert."""

from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage

from perception_kd.io.errors import BrokenFileError
from perception_kd.io.image_files import read_image

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 16, 3)).astype(np.uint8)


def test_tags_of_orientation_are_ignored(tmp_path: Path) -> None:
    file = BytesIO()
    exif = PillowImage.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    PillowImage.fromarray(PIXELS).save(file, "JPEG", exif=exif)
    (tmp_path / "a.jpg").write_bytes(file.getvalue())
    assert read_image(tmp_path / "a.jpg").shape == (12, 16, 3)


def test_a_gray_image_has_equal_channels(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), PIXELS[..., 0])
    image = read_image(tmp_path / "a.png")
    assert (image == PIXELS[..., :1]).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_are_refused(tmp_path: Path, channels: int) -> None:
    deep = PIXELS[..., :channels].astype(np.uint16) * 16
    cv2.imwrite(str(tmp_path / "a.png"), deep)
    with pytest.raises(BrokenFileError, match=r"a\.png has more than 8 bits per channel"):
        read_image(tmp_path / "a.png")


def test_another_size_than_expected_names_both(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.jpg"), PIXELS)
    assert read_image(tmp_path / "a.jpg", (12, 16)).shape == (12, 16, 3)
    with pytest.raises(BrokenFileError, match=r"must have 24x32 px .* but has 12x16"):
        read_image(tmp_path / "a.jpg", (24, 32))
