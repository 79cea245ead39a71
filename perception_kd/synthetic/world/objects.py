"""Static objects beside the streets: buildings, trees, hedges, poles, signs, fences."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from shapely import affinity
from shapely.geometry import Point, box
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from perception_kd.synthetic.world.meshes import Mesh, move
from perception_kd.synthetic.world.object_shapes import (
    make_building,
    make_cabinet,
    make_fence,
    make_hedge,
    make_lamp,
    make_sign,
    make_tree,
)
from perception_kd.synthetic.world.poses import pose_matrix
from perception_kd.synthetic.world.streets import SIDEWALK_WIDTH, Road, Street


@dataclass(frozen=True)
class StaticObject:
    """An object that never moves and has no box.

    Attributes:
        category: Category of lidarseg.
        mesh: Mesh in world coordinates.
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
        mesh = make_building((length, depth, rng.uniform(4, 22)), rng)
        objects.append(StaticObject("static.manmade", move(mesh, pose_matrix(yaw, (x, y, 0.0)))))
    return objects


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
        make: Callable[[np.random.Generator], Mesh] = (
            make_tree if rng.random() < 0.65 else make_hedge
        )
        area = Point(x, y).buffer(0.8 if make is make_tree else 1.6)
        if not _claim(area, blocked, taken):
            continue
        mesh = move(make(rng), pose_matrix(yaw, (x, y, 0.1)))
        objects.append(StaticObject("static.vegetation", mesh))
    return objects


def _place_furniture(
    road: Road, side: int, street: Street, rng: np.random.Generator
) -> list[StaticObject]:
    """Place lamps, signs, cabinets and fences along the edges of the sidewalk."""
    objects = []
    makers = (make_lamp, make_sign, make_cabinet)
    for number, s in enumerate(np.arange(rng.uniform(0, 10), road.center.length, 13.0)):
        near = road.center.offset(side * (road.half_width + 0.45)).pose(s)
        far = road.center.offset(side * (road.half_width + SIDEWALK_WIDTH + 0.3)).pose(s + 5)
        make = makers[int(rng.choice(3, p=[0.5, 0.35, 0.15]))]
        spots = [(make, near)] + ([(make_fence, far)] if number % 3 == 0 else [])
        for maker, (x, y, yaw) in spots:
            area = Point(x, y).buffer(3.2 if maker is make_fence else 0.4)
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
