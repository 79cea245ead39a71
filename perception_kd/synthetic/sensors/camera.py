"""Camera images: one ray through each pixel center, then lighting, haze and noise."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_kd.structures import Array
from perception_kd.synthetic.sensors.rays import Hits, Snapshot
from perception_kd.synthetic.sensors.textures import facade_windows, sky_clouds, texture
from perception_kd.synthetic.sensors.triangle_scene import Float32
from perception_kd.synthetic.world.materials import MATERIAL_INDEX, property_table
from perception_kd.synthetic.world.scene import SKY_ID
from perception_kd.synthetic.world.weather import Weather

_PANE = np.array([0.16, 0.2, 0.25], np.float32)


class RenderedImage(NamedTuple):
    """An image with the object and the depth of each pixel.

    Attributes:
        image: RGB, uint8, shape (H, W, 3).
        object_id: Object id of each pixel, shape (H, W).
        depth: Depth along the optical axis in m, infinite for the sky, shape (H, W).
    """

    image: NDArray[np.uint8]
    object_id: NDArray[np.int64]
    depth: Float32


def render_image(
    snapshot: Snapshot,
    weather: Weather,
    cam2world: Array,
    cam2img: Array,
    img_size: tuple[int, int],
    rng: np.random.Generator,
) -> RenderedImage:
    """Render the image of a camera.

    Args:
        snapshot: Scene at the trigger time of the camera.
        weather: Weather and lighting.
        cam2world: Pose of the camera, shape (4, 4).
        cam2img: Intrinsics in px, shape (3, 3).
        img_size: Height and width in px.
        rng: Source of the image noise.
    """
    height, width = img_size
    row, col = np.mgrid[:height, :width].reshape(2, -1)
    rays = np.stack([col, row, np.ones_like(row)], axis=1) @ np.linalg.inv(cam2img).T
    length = np.linalg.norm(rays, axis=1)
    directions = (rays @ cam2world[:3, :3].T / length[:, None]).astype(np.float32)
    hits = snapshot.cast(cam2world[:3, 3], directions)
    light = _shade(hits, directions, snapshot, weather)
    image = _expose(light.reshape(height, width, 3), weather, rng)
    depth = (hits.distance / length).astype(np.float32).reshape(height, width)
    return RenderedImage(image, hits.object_id.reshape(height, width), depth)


def _shade(hits: Hits, directions: Float32, snapshot: Snapshot, weather: Weather) -> Float32:
    """Return the radiance of each pixel, RGB relative to full scale, shape (N, 3)."""
    radiance = _sky(directions, weather)
    seen = np.flatnonzero(hits.object_id != SKY_ID)
    part = Hits(*(getattr(hits, name)[seen] for name in Hits.__dataclass_fields__))
    albedo = _albedo(part, weather)
    lit = np.clip(part.normal @ weather.sun_direction.astype(np.float32), 0, None)
    if weather.sun_light.any():
        facing = np.flatnonzero(lit > 0)
        start = part.position[facing] + 0.02 * part.normal[facing]
        sun = np.broadcast_to(weather.sun_direction.astype(np.float32), start.shape)
        lit[facing[snapshot.occluded(start, sun)]] = 0
    # Walls see less of the sky than the ground does, undersides see least.
    open_sky = 0.72 + 0.28 * part.normal[:, 2]
    light = lit[:, None] * weather.sun_light.astype(np.float32)
    light = light + open_sky[:, None] * weather.sky_light.astype(np.float32)
    color = albedo * light + _reflection(part, directions[seen], weather)
    haze = np.exp(-part.distance / np.float32(weather.haze_distance))[:, None]
    radiance[seen] = color * haze + weather.horizon_color.astype(np.float32) * (1 - haze)
    return radiance


def _albedo(hits: Hits, weather: Weather) -> Float32:
    """Return the textured RGB albedo at hits, shape (N, 3)."""
    tile = property_table("tile")[hits.material]
    contrast = property_table("contrast")[hits.material]
    grain = texture(hits.local, hits.normal, tile)
    albedo = hits.color / 255 * np.clip(1 + contrast * grain, 0.25, 2.2)[:, None]
    walls = np.flatnonzero(hits.material == MATERIAL_INDEX["facade"])
    pane = facade_windows(hits.local[walls], hits.normal[walls], hits.object_id[walls])
    albedo[walls] = np.where(pane[:, None], _PANE, albedo[walls])
    if weather.wet:
        flat = (hits.normal[:, 2] > 0.9) & (hits.position[:, 2] < 1.0)
        albedo[flat] *= 0.62
    return albedo


def _reflection(hits: Hits, directions: Float32, weather: Weather) -> Float32:
    """Return the sky light that glossy surfaces and wet ground mirror, shape (N, 3)."""
    gloss = np.zeros(len(hits.material), np.float32)
    for name, share in (("glass", 0.45), ("paint", 0.12), ("metal", 0.15)):
        gloss[hits.material == MATERIAL_INDEX[name]] = share
    if weather.wet:
        gloss[(hits.normal[:, 2] > 0.9) & (hits.position[:, 2] < 1.0)] = 0.3
    cos = -(hits.normal * directions).sum(axis=1).clip(-1, 0)
    mirrored = directions + 2 * cos[:, None] * hits.normal
    up = np.clip(mirrored[:, 2:] + 0.15, 0, 1)
    share = gloss * (0.35 + 0.65 * (1 - cos) ** 3)
    sky = weather.horizon_color * (1 - up) + weather.zenith_color * up
    return (share[:, None] * sky * (up > 0.05)).astype(np.float32)


def _sky(directions: Float32, weather: Weather) -> Float32:
    """Return the RGB radiance of the sky in directions, shape (N, 3)."""
    up = np.clip(directions[:, 2:], 0, 1) ** np.float32(0.6)
    sky = weather.horizon_color * (1 - up) + weather.zenith_color * up
    clouds = sky_clouds(directions)[:, None] * weather.cloud_contrast
    sky = sky * (1 - clouds) + clouds * (weather.horizon_color * 1.12)
    glow = (
        np.clip(directions @ weather.sun_direction, 0, 1)[:, None] ** 24 * weather.sun_light * 0.5
    )
    return (sky + glow).astype(np.float32)


def _expose(light: Float32, weather: Weather, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the 8-bit image of radiances, with blur and noise, shape (H, W, 3)."""
    light = np.asarray(cv2.GaussianBlur(light, (3, 3), 0.55), np.float32)
    # A soft shoulder instead of a hard clip, then a display gamma.
    light = np.clip(light, 0, None)
    value = 255 * (1.16 * light / (light + 0.34 * np.exp(-light) + 0.1)) ** np.float32(0.9)
    value = value + rng.standard_normal(value.shape, np.float32) * np.float32(weather.camera_noise)
    return np.clip(value, 0, 255).astype(np.uint8)
