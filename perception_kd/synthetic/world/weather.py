"""Light and weather."""

from dataclasses import dataclass

import numpy as np

from perception_kd.geometry.rigid import Array

LOOKS = ("day", "dusk", "rain")


@dataclass(frozen=True)
class Look:
    """Light and weather of a scene; light is relative to a camera's full scale.

    Attributes:
        name: One of ``LOOKS``.
        sun: Unit vector to the sun in the world's frame, shape (3,).
        sun_light: RGB; zero if clouds hide the sun.
        sky_light: RGB of the light from all over the sky.
        zenith: RGB of the sky above, 0..1.
        horizon: RGB of the sky at the horizon and of haze, 0..1.
        clouds: Contrast of the clouds, 0..1.
        sight: Distance at which 63 % of the light is haze, in m.
        wet: Whether the ground is wet.
        noise: Of the cameras, standard deviation, in 0..255.
    """

    name: str
    sun: Array
    sun_light: Array
    sky_light: Array
    zenith: Array
    horizon: Array
    clouds: float
    sight: float
    wet: bool
    noise: float


def make_look(name: str, rng: np.random.Generator) -> Look:
    """Draw the light of a kind of weather.

    Args:
        name: One of ``LOOKS``.
        rng: Where the sun stands and how bright it is are drawn from it.

    Raises:
        ValueError: If there is no such weather.
    """
    if name not in LOOKS:
        raise ValueError(f"name must be one of {LOOKS}, but got {name!r}.")
    azimuth = rng.uniform(-np.pi, np.pi)
    lowest, highest = (0.5, 1.1) if name == "day" else (0.16, 0.3)
    height = rng.uniform(lowest, highest)
    flat = np.cos(height)
    sun = np.array([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(height)])
    light = rng.uniform(0.9, 1.1)

    def rgb(*values: float) -> Array:
        return np.array(values) * light

    if name == "day":
        sky = rgb(0.2, 0.36, 0.7), rgb(0.66, 0.75, 0.86)
        return Look(
            name, sun, rgb(0.86, 0.82, 0.74), rgb(0.46, 0.49, 0.55), *sky, 0.5, 900.0, False, 3.0
        )
    if name == "dusk":
        sky = rgb(0.22, 0.24, 0.38), rgb(0.72, 0.52, 0.38)
        return Look(
            name, sun, rgb(0.66, 0.42, 0.24), rgb(0.25, 0.25, 0.31), *sky, 0.3, 500.0, False, 7.0
        )
    sky = rgb(0.5, 0.53, 0.56), rgb(0.66, 0.68, 0.7)
    return Look(name, sun, np.zeros(3), rgb(0.62, 0.64, 0.67), *sky, 0.12, 160.0, True, 4.5)
