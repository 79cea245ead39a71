"""Materials and colors of surfaces, for cameras and LiDAR."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from perception_kd.structures import Array

Palette = tuple[tuple[int, int, int], ...]


class Material(NamedTuple):
    """Optical properties of a material.

    Attributes:
        reflectance: Share of the LiDAR light returned at normal incidence, 0..1.
        gloss: Decay with the incidence angle: 0 = Lambertian, 1 = far faster.
        dropout: Share of returns that are lost at any range.
        contrast: Standard deviation of the relative brightness of the texture.
        tile: Size of the texture in m.
    """

    reflectance: float
    gloss: float
    dropout: float
    contrast: float
    tile: float


MATERIALS = {
    "asphalt": Material(reflectance=0.10, gloss=0.1, dropout=0.01, contrast=0.13, tile=6.0),
    "marking": Material(reflectance=0.42, gloss=0.1, dropout=0.01, contrast=0.16, tile=3.0),
    "paving": Material(reflectance=0.17, gloss=0.1, dropout=0.01, contrast=0.15, tile=5.0),
    "soil": Material(reflectance=0.25, gloss=0.0, dropout=0.04, contrast=0.28, tile=9.0),
    "facade": Material(reflectance=0.32, gloss=0.0, dropout=0.01, contrast=0.14, tile=7.0),
    "foliage": Material(reflectance=0.38, gloss=0.0, dropout=0.12, contrast=0.42, tile=2.5),
    "bark": Material(reflectance=0.24, gloss=0.0, dropout=0.02, contrast=0.30, tile=1.2),
    "paint": Material(reflectance=0.45, gloss=0.8, dropout=0.02, contrast=0.06, tile=4.0),
    "glass": Material(reflectance=0.08, gloss=1.0, dropout=0.55, contrast=0.10, tile=6.0),
    "rubber": Material(reflectance=0.05, gloss=0.0, dropout=0.08, contrast=0.20, tile=0.8),
    "cloth": Material(reflectance=0.28, gloss=0.0, dropout=0.02, contrast=0.22, tile=1.0),
    "metal": Material(reflectance=0.40, gloss=0.6, dropout=0.02, contrast=0.10, tile=2.0),
    "plastic": Material(reflectance=0.36, gloss=0.3, dropout=0.01, contrast=0.14, tile=1.5),
    "sign": Material(reflectance=0.95, gloss=0.0, dropout=0.0, contrast=0.08, tile=1.0),
}
MATERIAL_INDEX = {name: index for index, name in enumerate(MATERIALS)}

# Palettes of different kinds of objects overlap: color alone does not give the class.
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
    """Draw an RGB color in 0..255 from a palette, with random variation, shape (3,)."""
    colors = PALETTES[palette]
    color = np.array(colors[rng.integers(len(colors))], float)
    return np.clip(color * rng.uniform(0.8, 1.2) + rng.normal(0, 2 + 0.06 * color, 3), 5, 250)


def property_table(name: str) -> NDArray[np.float32]:
    """Return one property of all materials in the order of ``MATERIAL_INDEX``, (M,)."""
    return np.array([getattr(material, name) for material in MATERIALS.values()], np.float32)
