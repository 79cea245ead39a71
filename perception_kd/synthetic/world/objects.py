"""Static objects beside the streets: buildings, trees, hedges, poles, signs, fences."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from shapely import affinity
from shapely.geometry import Point, box
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from perception_kd.geometry.rigid import Array
from perception_kd.synthetic.world.materials import pick_color
from perception_kd.synthetic.world.meshes import Mesh, blob, cylinder, frustum, merge, move
from perception_kd.synthetic.world.poses import pose_matrix
from perception_kd.synthetic.world.streets import SIDEWALK_WIDTH, Road, Street

# Height in m at which objects start: below the lowest ground, so that none floats.
BASE = -0.5


@dataclass(frozen=True)
class StaticObject:
    """An object that never moves and has no box.

    Attributes:
        category: Category of lidarseg.
        mesh: Mesh in the world frame.
    """

    category: str
    mesh: Mesh


def make_objects(street: Street, rng: np.random.Generator) -> list[StaticObject]:
    """Line all roads with static objects that do not overlap."""
    blocked = unary_union([road.polygon(SIDEWALK_WIDTH) for road in street.roads])
    taken: list[BaseGeometry] = []
    objects: list[StaticObject] = []
    for road in street.roads:
        for side in (-1, 1):
            objects += _place_buildings(road, side, blocked, taken, rng)
    for road in street.roads:
        for side in (-1, 1):
            objects += _place_greenery(road, side, blocked, taken, rng)
            objects += _place_furniture(road, side, street, rng)
    return objects


def _claim(area: BaseGeometry, blocked: BaseGeometry, taken: list[BaseGeometry]) -> bool:
    """Add an area to those taken if it is free; return whether it was."""
    free = not (area.intersects(blocked) or any(area.intersects(other) for other in taken))
    if free:
        taken.append(area)
    return free


def _place_buildings(
    road: Road,
    side: int,
    blocked: BaseGeometry,
    taken: list[BaseGeometry],
    rng: np.random.Generator,
) -> list[StaticObject]:
    objects = []
    s = rng.uniform(0, 15)
    while s < road.center.length - 10:
        length, depth = rng.uniform(10, 26), rng.uniform(9, 16)
        setback = road.half_width + SIDEWALK_WIDTH + rng.uniform(0.5, 9) + depth / 2
        x, y, yaw = road.center.offset(side * setback).pose(s + length / 2)
        area = affinity.translate(
            affinity.rotate(
                box(-length / 2, -depth / 2, length / 2, depth / 2), yaw, use_radians=True
            ),
            x,
            y,
        )
        s += length + float(rng.choice([1.5, 6.0, 14.0, 24.0], p=[0.3, 0.3, 0.25, 0.15]))
        if not _claim(area, blocked, taken):
            continue
        mesh = _building((length, depth, rng.uniform(4, 22)), rng)
        objects.append(StaticObject("static.manmade", move(mesh, pose_matrix(yaw, (x, y, 0.0)))))
    return objects


def _building(size: tuple[float, float, float], rng: np.random.Generator) -> Mesh:
    length, depth, height = size
    color, trim = pick_color("facade", rng), pick_color("facade", rng)
    x, y = length / 2, depth / 2
    parts = [frustum((-x, -y, BASE), (x, y, height), "facade", color)]
    parts.append(frustum((-x - 0.15, -y - 0.15, BASE), (x + 0.15, y + 0.15, 0.9), "facade", trim))
    roof = rng.integers(3)
    if roof == 0 and height < 12:
        low, high = (-x - 0.4, -y - 0.4, height), (x + 0.4, y + 0.4, height + 2.6)
        parts.append(frustum(low, high, "facade", trim, (0.95, 0.15)))
    elif roof == 1:
        low, high = (-x * 0.4, -y * 0.4, height), (x * 0.3, y * 0.4, height + 2.5)
        parts.append(frustum(low, high, "facade", trim))
    if rng.random() < 0.5:
        for floor in np.arange(3.0, height - 1, 3.0):
            low, high = (-x * 0.7, -y - 0.9, floor), (x * 0.7, y + 0.9, floor + 0.2)
            parts.append(frustum(low, high, "facade", trim))
    return merge(parts)


def _place_greenery(
    road: Road,
    side: int,
    blocked: BaseGeometry,
    taken: list[BaseGeometry],
    rng: np.random.Generator,
) -> list[StaticObject]:
    objects = []
    for s in np.arange(rng.uniform(0, 8), road.center.length, 7.0):
        setback = road.half_width + SIDEWALK_WIDTH + rng.uniform(0.9, 12)
        x, y, yaw = road.center.offset(side * setback).pose(s + rng.uniform(-2, 2))
        make: Callable[[np.random.Generator], Mesh] = _tree if rng.random() < 0.65 else _hedge
        area = Point(x, y).buffer(0.8 if make is _tree else 1.6)
        if not _claim(area, blocked, taken):
            continue
        mesh = move(make(rng), pose_matrix(yaw, (x, y, 0.1)))
        objects.append(StaticObject("static.vegetation", mesh))
    return objects


def _tree(rng: np.random.Generator) -> Mesh:
    height, radius = rng.uniform(2.2, 4.0), rng.uniform(0.12, 0.25)
    bark, leaves = pick_color("bark", rng), pick_color("foliage", rng)
    parts = [cylinder((0, 0, BASE), radius, height + 1.5, "bark", bark, sides=7)]
    for _ in range(int(rng.integers(3, 6))):
        center = (*rng.normal(0, 0.6, 2), height + rng.uniform(0.6, 2.6))
        parts.append(blob(center, rng.uniform(0.9, 1.8, 3), "foliage", _vary(leaves, rng), rng))
    return merge(parts)


def _hedge(rng: np.random.Generator) -> Mesh:
    leaves = pick_color("foliage", rng)
    return merge(
        [
            blob((x, 0, 0.3), (0.8, *rng.uniform(0.5, 0.9, 2)), "foliage", _vary(leaves, rng), rng)
            for x in np.linspace(-1.0, 1.0, 3)
        ]
    )


def _vary(color: Array, rng: np.random.Generator) -> Array:
    return np.asarray(np.clip(color * rng.uniform(0.85, 1.15), 0, 255))


def _place_furniture(
    road: Road, side: int, street: Street, rng: np.random.Generator
) -> list[StaticObject]:
    """Place lamps, signs, cabinets and fences along the edges of the sidewalk."""
    objects = []
    makers = (_lamp, _sign, _cabinet)
    for number, s in enumerate(np.arange(rng.uniform(0, 10), road.center.length, 13.0)):
        near = road.center.offset(side * (road.half_width + 0.45)).pose(s)
        far = road.center.offset(side * (road.half_width + SIDEWALK_WIDTH + 0.3)).pose(s + 5)
        make = makers[int(rng.choice(3, p=[0.5, 0.35, 0.15]))]
        spots = [(make, near)] + ([(_fence, far)] if number % 3 == 0 else [])
        for maker, (x, y, yaw) in spots:
            area = Point(x, y).buffer(3.2 if maker is _fence else 0.4)
            if _crosses(area, road, street):
                continue
            # Lamps point towards the road.
            turned = yaw + (0.0 if side < 0 else np.pi)
            mesh = move(maker(rng), pose_matrix(turned, (x, y, 0.1)))
            objects.append(StaticObject("static.manmade", mesh))
    return objects


def _crosses(area: BaseGeometry, road: Road, street: Street) -> bool:
    """Return whether an area lies on another road than ``road``, or on a crossing."""
    others = [other for other in street.roads if other is not road]
    on_road = any(area.intersects(other.polygon(SIDEWALK_WIDTH)) for other in others)
    return on_road or any(area.intersects(polygon.buffer(0.5)) for polygon in street.crossings)


def _lamp(rng: np.random.Generator) -> Mesh:
    color, height = pick_color("pole", rng), rng.uniform(5.5, 8.5)
    return merge(
        [
            cylinder((0, 0, BASE), rng.uniform(0.07, 0.13), height, "metal", color, sides=8),
            cylinder((0, 0, height - 0.6), 0.05, 1.8, "metal", color, axis=1, sides=6),
            frustum((-0.15, 1.2, height - 0.62), (0.15, 1.9, height - 0.5), "plastic", color),
        ]
    )


def _sign(rng: np.random.Generator) -> Mesh:
    height = rng.uniform(2.0, 2.8)
    post = cylinder((0, 0, BASE), 0.04, height + 0.9, "metal", pick_color("pole", rng), sides=6)
    size = rng.uniform(0.25, 0.45)
    low, high = (-0.07, -size, height - size), (-0.04, size, height + size)
    return merge([post, frustum(low, high, "sign", pick_color("signal", rng))])


def _cabinet(rng: np.random.Generator) -> Mesh:
    size = rng.uniform((0.3, 0.2, 0.9), (0.5, 0.3, 1.4))
    low, high = (-size[0], -size[1], BASE), size
    return frustum(low, high, "metal", pick_color("pole", rng))


def _fence(rng: np.random.Generator) -> Mesh:
    color, height = pick_color("facade", rng), rng.uniform(0.8, 1.8)
    if rng.random() < 0.5:
        return frustum((-3, -0.1, BASE), (3, 0.1, height), "facade", color)
    posts = [
        cylinder((x, 0, BASE), 0.04, height - BASE, "metal", color, sides=5)
        for x in np.arange(-3, 3.1, 1.0)
    ]
    rails = [
        frustum((-3, -0.03, z), (3, 0.03, z + 0.08), "metal", color)
        for z in (0.3, height * 0.6, height - 0.1)
    ]
    return merge([*posts, *rails])
