"""What surfaces are made of: how they look and what a LiDAR gets back from them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from perception_kd.geometry.rigid import Array

Palette = tuple[tuple[int, int, int], ...]


class Material(NamedTuple):
    """Optical properties of a material.

    Attributes:
        reflectance: Share of the LiDAR's light that comes back at right angles, 0..1.
        gloss: How fast it falls with incidence: 0 = as Lambert says, 1 = far faster.
        dropout: Share of returns that are lost at any range.
        contrast: Of its texture: standard deviation of the relative brightness.
        tile: Size of its texture in m.
    """

    reflectance: float
    gloss: float
    dropout: float
    contrast: float
    tile: float


MATERIALS = {
    "asphalt": Material(0.10, 0.1, 0.01, 0.13, 6.0),
    "marking": Material(0.42, 0.1, 0.01, 0.16, 3.0),
    "paving": Material(0.17, 0.1, 0.01, 0.15, 5.0),
    "soil": Material(0.25, 0.0, 0.04, 0.28, 9.0),
    "facade": Material(0.32, 0.0, 0.01, 0.14, 7.0),
    "foliage": Material(0.38, 0.0, 0.12, 0.42, 2.5),
    "bark": Material(0.24, 0.0, 0.02, 0.30, 1.2),
    "paint": Material(0.45, 0.8, 0.02, 0.06, 4.0),
    "glass": Material(0.08, 1.0, 0.55, 0.10, 6.0),
    "rubber": Material(0.05, 0.0, 0.08, 0.20, 0.8),
    "cloth": Material(0.28, 0.0, 0.02, 0.22, 1.0),
    "metal": Material(0.40, 0.6, 0.02, 0.10, 2.0),
    "plastic": Material(0.36, 0.3, 0.01, 0.14, 1.5),
    "sign": Material(0.95, 0.0, 0.0, 0.08, 1.0),
}
MATERIAL_INDEX = {name: index for index, name in enumerate(MATERIALS)}

# Palettes overlap between kinds of things: a color does not tell what a thing is.
GRAYS: Palette = ((60, 60, 62), (95, 95, 97), (130, 128, 126), (170, 170, 168), (205, 205, 205))
EARTHS: Palette = ((150, 90, 70), (120, 80, 60), (190, 165, 130), (205, 190, 165), (110, 100, 85))
GREENS: Palette = ((62, 96, 44), (84, 110, 52), (104, 122, 60), (48, 76, 40), (120, 118, 58))
BRIGHTS: Palette = ((170, 40, 36), (32, 66, 140), (210, 170, 50), (225, 120, 40), (40, 110, 100))
PALETTES: dict[str, Palette] = {
    "road": ((78, 78, 80), (92, 91, 90), (106, 104, 102), (64, 66, 70)),
    "paving": ((140, 136, 130), (120, 118, 116), (158, 146, 132), (104, 106, 108)),
    "soil": (*GREENS, (128, 112, 84), (146, 130, 98), (112, 106, 96)),
    "facade": (*EARTHS, *GRAYS, (110, 125, 110), (150, 160, 175)),
    "foliage": (*GREENS, *GREENS, (140, 100, 50), (150, 124, 60)),
    "bark": ((80, 62, 48), (98, 84, 70), (66, 58, 52)),
    "vehicle": (*GRAYS, *GRAYS, (235, 235, 235), (25, 25, 28), *BRIGHTS, (70, 90, 60)),
    "cloth": (*BRIGHTS, *GRAYS, *EARTHS, (40, 44, 60), (70, 90, 60), (235, 235, 230)),
    "skin": ((224, 172, 140), (180, 130, 100), (120, 84, 62)),
    "glass": ((50, 60, 70), (36, 42, 48), (70, 84, 92)),
    "dark": ((30, 30, 31), (44, 44, 45)),
    "pole": (*GRAYS, (60, 80, 70)),
    "signal": ((225, 110, 40), (200, 60, 40), (225, 190, 60), (235, 235, 235)),
}


def pick_color(palette: str, rng: np.random.Generator) -> Array:
    """Draw an RGB color in 0..255 from a palette and vary it, shape (3,)."""
    colors = PALETTES[palette]
    color = np.array(colors[rng.integers(len(colors))], float)
    return np.clip(color * rng.uniform(0.8, 1.2) + rng.normal(0, 2 + 0.06 * color, 3), 5, 250)


def property_table(name: str) -> NDArray[np.float32]:
    """Return one property of all materials, in the order of ``MATERIAL_INDEX``."""
    return np.array([getattr(material, name) for material in MATERIALS.values()], np.float32)
