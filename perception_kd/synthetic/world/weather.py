"""Weather and lighting of a scene."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from perception_kd.structures import Array


@dataclass(frozen=True)
class Weather:
    """Weather and lighting of a scene.

    Intensities of light are relative to the full scale of a camera.

    Attributes:
        name: One of ``WEATHERS``.
        sun_direction: Unit vector towards the sun in world coordinates, shape (3,).
        sun_light: RGB of the direct light; zero if clouds hide the sun, shape (3,).
        sky_light: RGB of the ambient light, shape (3,).
        zenith_color: RGB of the sky overhead, 0..1, shape (3,).
        horizon_color: RGB of the sky at the horizon and of the haze, 0..1, shape (3,).
        cloud_contrast: Contrast of the clouds, 0..1.
        haze_distance: Distance in m at which 63 % of the light comes from the haze.
        wet: Whether the ground is wet.
        camera_noise: Standard deviation of the image noise, in 0..255.
    """

    name: str
    sun_direction: Array
    sun_light: Array
    sky_light: Array
    zenith_color: Array
    horizon_color: Array
    cloud_contrast: float
    haze_distance: float
    wet: bool
    camera_noise: float


class _Kind(NamedTuple):
    """A kind of weather, before its sun is drawn; colors are as of brightness 1."""

    elevation: tuple[float, float]  # of the sun in rad, lowest and highest
    sun_light: tuple[float, float, float]
    sky_light: tuple[float, float, float]
    zenith_color: tuple[float, float, float]
    horizon_color: tuple[float, float, float]
    cloud_contrast: float
    haze_distance: float
    wet: bool
    camera_noise: float


_KINDS = {
    "day": _Kind(
        elevation=(0.5, 1.1),
        sun_light=(0.86, 0.82, 0.74),
        sky_light=(0.46, 0.49, 0.55),
        zenith_color=(0.2, 0.36, 0.7),
        horizon_color=(0.66, 0.75, 0.86),
        cloud_contrast=0.5,
        haze_distance=900.0,
        wet=False,
        camera_noise=3.0,
    ),
    "dusk": _Kind(
        elevation=(0.16, 0.3),
        sun_light=(0.66, 0.42, 0.24),
        sky_light=(0.25, 0.25, 0.31),
        zenith_color=(0.22, 0.24, 0.38),
        horizon_color=(0.72, 0.52, 0.38),
        cloud_contrast=0.3,
        haze_distance=500.0,
        wet=False,
        camera_noise=7.0,
    ),
    "rain": _Kind(
        elevation=(0.16, 0.3),
        sun_light=(0.0, 0.0, 0.0),
        sky_light=(0.62, 0.64, 0.67),
        zenith_color=(0.5, 0.53, 0.56),
        horizon_color=(0.66, 0.68, 0.7),
        cloud_contrast=0.12,
        haze_distance=160.0,
        wet=True,
        camera_noise=4.5,
    ),
}
WEATHERS = tuple(_KINDS)


def make_weather(name: str, rng: np.random.Generator) -> Weather:
    """Draw the lighting for a kind of weather.

    Args:
        name: One of ``WEATHERS``.
        rng: Source of the position and the brightness of the sun.

    Raises:
        ValueError: If the name is unknown.
    """
    if name not in WEATHERS:
        raise ValueError(f"name must be one of {WEATHERS}, but got {name!r}.")
    kind = _KINDS[name]
    azimuth = rng.uniform(-np.pi, np.pi)
    elevation = rng.uniform(*kind.elevation)
    flat = np.cos(elevation)
    brightness = rng.uniform(0.9, 1.1)
    return Weather(
        name=name,
        sun_direction=np.array([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)]),
        sun_light=np.array(kind.sun_light) * brightness,
        sky_light=np.array(kind.sky_light) * brightness,
        zenith_color=np.array(kind.zenith_color) * brightness,
        horizon_color=np.array(kind.horizon_color) * brightness,
        cloud_contrast=kind.cloud_contrast,
        haze_distance=kind.haze_distance,
        wet=kind.wet,
        camera_noise=kind.camera_noise,
    )
