"""Weather and lighting of a scene."""

from dataclasses import dataclass

import numpy as np

from perception_kd.structures import Array

WEATHERS = ("day", "dusk", "rain")


@dataclass(frozen=True)
class Weather:
    """Weather and lighting of a scene.

    Intensities of light are relative to the full scale of a camera.

    Attributes:
        name: One of ``WEATHERS``.
        sun_direction: Unit vector towards the sun in the world frame, shape (3,).
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
    azimuth = rng.uniform(-np.pi, np.pi)
    lowest, highest = (0.5, 1.1) if name == "day" else (0.16, 0.3)
    elevation = rng.uniform(lowest, highest)
    flat = np.cos(elevation)
    sun_direction = np.array([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)])
    brightness = rng.uniform(0.9, 1.1)

    def rgb(*values: float) -> Array:
        return np.array(values) * brightness

    if name == "day":
        return Weather(
            name=name,
            sun_direction=sun_direction,
            sun_light=rgb(0.86, 0.82, 0.74),
            sky_light=rgb(0.46, 0.49, 0.55),
            zenith_color=rgb(0.2, 0.36, 0.7),
            horizon_color=rgb(0.66, 0.75, 0.86),
            cloud_contrast=0.5,
            haze_distance=900.0,
            wet=False,
            camera_noise=3.0,
        )
    if name == "dusk":
        return Weather(
            name=name,
            sun_direction=sun_direction,
            sun_light=rgb(0.66, 0.42, 0.24),
            sky_light=rgb(0.25, 0.25, 0.31),
            zenith_color=rgb(0.22, 0.24, 0.38),
            horizon_color=rgb(0.72, 0.52, 0.38),
            cloud_contrast=0.3,
            haze_distance=500.0,
            wet=False,
            camera_noise=7.0,
        )
    return Weather(
        name=name,
        sun_direction=sun_direction,
        sun_light=np.zeros(3),
        sky_light=rgb(0.62, 0.64, 0.67),
        zenith_color=rgb(0.5, 0.53, 0.56),
        horizon_color=rgb(0.66, 0.68, 0.7),
        cloud_contrast=0.12,
        haze_distance=160.0,
        wet=True,
        camera_noise=4.5,
    )
