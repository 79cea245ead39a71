"""Images and their superpixels."""

import math
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from perception_kd.datasets.transforms import LoadImages, LoadSuperpixels
from perception_kd.io.caches.cache import Cache
from perception_kd.io.caches.fill import fill_cache
from perception_kd.io.caches.origin import Origin
from perception_kd.io.listed_files import ImageFile
from perception_kd.structures import Sample
from perception_kd.superpixels.codec import add_origin, encode_superpixels
from perception_kd.superpixels.create import SuperpixelMaker
from perception_kd.superpixels.settings import SlicSettings
from tests.bad_input import damage
from tests.bad_input.table import accepted, not_applicable, refused

HEIGHT, WIDTH = 24, 32
IMAGE, MAPS = "image", "superpixels"
PIXELS = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
IDS = (np.arange(HEIGHT * WIDTH) // 99).astype(np.int32).reshape(HEIGHT, WIDTH)


def encode(pixels: Any, suffix: str = ".jpg") -> bytes:
    return cv2.imencode(suffix, pixels)[1].tobytes()


def claim(width: int, height: int) -> bytes:
    """A PNG whose header claims a size; its checksum is right."""
    data = encode(PIXELS, ".png")
    header = b"IHDR" + struct.pack(">II", width, height) + data[24:29]
    return data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]


def claim_length(png: bytes, name: bytes) -> bytes:
    """A PNG whose first chunk of this name claims 4 GB."""
    data = bytearray(png)
    data[data.find(name) - 4] = 0xFF
    return bytes(data)


def load_damaged(folder: Path, harm: damage.Damage) -> Sample:
    path = folder / "image.jpg"
    path.write_bytes(encode(PIXELS))
    harm(path)
    return LoadImages()({"img_paths": [str(path)], "img_shapes": [(HEIGHT, WIDTH)]})


def load_map_damaged(folder: Path, harm: damage.Damage) -> Sample:
    cache = Cache.create(
        folder / "maps", "superpixels", {"num_segments": 9}, ".png", {"command": "make"}
    )
    cache.write("token", encode_superpixels(IDS))
    harm(cache.path("token"))
    sample: Sample = {"info_root": str(folder), "img_tokens": ["token"], "imgs": [PIXELS]}
    return LoadSuperpixels("maps")(sample)


@refused(IMAGE, "missing", "the path", r"No image at .*image\.jpg", FileNotFoundError)
def _(folder: Path) -> None:
    load_damaged(folder, damage.remove)


@refused(IMAGE, "empty", "the path", r"image\.jpg is truncated or not an image \(0 bytes\)")
def _(folder: Path) -> None:
    load_damaged(folder, damage.clear)


@refused(IMAGE, "truncated", "never filled with gray", r"image\.jpg is truncated or not an image")
def _(folder: Path) -> None:
    load_damaged(folder, damage.cut)


@refused(IMAGE, "garbage", "the path", r"image\.jpg is truncated or not an image")
def _(folder: Path) -> None:
    load_damaged(folder, damage.scramble)


@refused(IMAGE, "wrong shape", "both sizes", r"image\.jpg must have 24x32 px .* but has 12x32")
def _(folder: Path) -> None:
    load_damaged(folder, damage.put(encode(PIXELS[:12])))


@refused(IMAGE, "wrong dtype", "more than 8 bits", r"image\.jpg has more than 8 bits per channel")
def _(folder: Path) -> None:
    deep = encode(PIXELS.astype(np.uint16), ".png")
    load_damaged(folder, damage.put(deep))


not_applicable(IMAGE, "NaN/inf", "pixels are integers")


@refused(IMAGE, "huge", "a file above 256 MiB", r"image\.jpg has 1,099,511,627,776 bytes")
def _(folder: Path) -> None:
    load_damaged(folder, damage.blow_up)


not_applicable(IMAGE, "other version", "the files have no version")


@refused(
    IMAGE,
    "other data set",
    "images of another size than the info file says",
    r"image\.jpg must have 24x32 px .* but has 24x30",
)
def _(folder: Path) -> None:
    load_damaged(folder, damage.put(encode(PIXELS[:, :30])))


@refused(
    IMAGE,
    "header that claims a huge size",
    "before any memory is taken",
    r"image\.png (claims|is truncated or not an image)",
)
def _(folder: Path) -> None:
    path = folder / "image.png"
    path.write_bytes(claim(60_000, 60_000))
    LoadImages()({"img_paths": [str(path)]})


@refused(
    IMAGE,
    "chunk that claims a huge length",
    "before any memory is taken",
    r"image\.jpg is truncated or not an image",
)
def _(folder: Path) -> None:
    load_damaged(folder, damage.put(claim_length(encode(PIXELS, ".png"), b"IDAT")))


@accepted(IMAGE, "cut off, with an end marker", "the decoder fills the rest; cannot be detected")
def _(folder: Path) -> None:
    data = encode(PIXELS)
    closed = data[: len(data) * 3 // 4] + b"\xff\xd9"
    assert "imgs" in load_damaged(folder, damage.put(closed))


@accepted(IMAGE, "gray", "three equal channels")
def _(folder: Path) -> None:
    gray = encode(PIXELS[..., 0])
    (img,) = load_damaged(folder, damage.put(gray))["imgs"]
    assert (img == img[..., :1]).all()


@refused(
    MAPS, "missing", "the command that makes it", r"No superpixels of token", FileNotFoundError
)
def _(folder: Path) -> None:
    load_map_damaged(folder, damage.remove)


@refused(MAPS, "empty", "the path", r"token\.png is truncated or not a PNG")
def _(folder: Path) -> None:
    load_map_damaged(folder, damage.clear)


@refused(MAPS, "truncated", "the path", r"token\.png is truncated or not a PNG")
def _(folder: Path) -> None:
    load_map_damaged(folder, damage.cut)


@refused(MAPS, "garbage", "the path", r"token\.png is truncated or not a PNG")
def _(folder: Path) -> None:
    load_map_damaged(folder, damage.scramble)


@refused(MAPS, "wrong shape", "both sizes", r"token\.png must have the size of its image, 24x32")
def _(folder: Path) -> None:
    load_map_damaged(folder, damage.put(encode_superpixels(IDS[:9])))


@refused(
    MAPS, "wrong dtype", "an RGB or RGBA image of segments", r"token\.png .* not a superpixel map"
)
def _(folder: Path) -> None:
    image = encode(np.dstack([IDS.astype(np.uint8)] * 4), ".png")
    load_map_damaged(folder, damage.put(image))


@refused(
    MAPS,
    "a gray photograph",
    "segments of single pixels",
    r"token\.png has another segment at 9\d%",
)
def _(folder: Path) -> None:
    cache = Cache.create(folder / "maps", "superpixels", {}, ".png", {"command": "make"})
    pixels = np.random.default_rng(0).integers(0, 256, (320, 96)).astype(np.uint8)
    cache.write("token", encode(pixels, ".png"))
    sample: Sample = {"info_root": str(folder), "img_tokens": ["token"]}
    LoadSuperpixels("maps")(sample | {"imgs": [np.zeros((320, 96, 3), np.uint8)]})


not_applicable(MAPS, "NaN/inf", "ids are integers")


@refused(MAPS, "huge", "an id above the pixels of the image", r"token\.png has a segment with id")
def _(folder: Path) -> None:
    large = encode_superpixels(np.full_like(IDS, 2**24 - 3))
    load_map_damaged(folder, damage.put(large))


not_applicable(MAPS, "other version", "the manifest of the cache has the version; see there")


@refused(
    MAPS,
    "other data set",
    "the cache lacks the image",
    r"No superpixels of token in .*maps.*make",
    FileNotFoundError,
)
def _(folder: Path) -> None:
    load_map_damaged(folder, lambda path: path.rename(path.with_name("another.png")))


@refused(MAPS, "header that claims a huge size", "both sizes", r"token\.png must have the size of")
def _(folder: Path) -> None:
    load_map_damaged(folder, damage.put(claim(2**31 - 1, 2**31 - 1)))


@refused(
    MAPS,
    "chunk that claims a huge length",
    "before any memory is taken",
    r"token\.png is truncated or not a PNG",
)
def _(folder: Path) -> None:
    load_map_damaged(folder, damage.put(claim_length(encode_superpixels(IDS), b"IDAT")))


@refused(MAPS, "note of an endless input", "the path", r"token\.png is damaged: its note of the")
def _(folder: Path) -> None:
    endless = Origin("token", math.inf, "0")  # type: ignore[arg-type]
    load_map_damaged(folder, damage.put(add_origin(encode_superpixels(IDS), endless)))


@accepted(MAPS, "any of these, with `--verify`", "`create_data.py superpixels` makes the map again")
def _(folder: Path) -> None:
    path = folder / "image.jpg"
    path.write_bytes(encode(PIXELS))
    maker = SuperpixelMaker(SlicSettings(num_segments=9))
    cache = Cache.create(folder / "maps", "superpixels", maker.settings.as_dict(), ".png", {})
    entry = cache.path("token")
    source = ImageFile("token", str(path), (HEIGHT, WIDTH))
    large = encode_superpixels(np.full_like(IDS, 2**24 - 3))
    endless = Origin("token", math.inf, "0")  # type: ignore[arg-type]
    noted = add_origin(encode_superpixels(IDS), endless)
    gray = encode(np.dstack([IDS.astype(np.uint8)] * 3), ".png")
    for data in (b"", large[:60], large, noted, gray):
        entry.write_bytes(data)
        filled = fill_cache(cache, maker, [source], workers=0, verify=True, progress=False)
        assert filled.num_made == 1 or not data, data
