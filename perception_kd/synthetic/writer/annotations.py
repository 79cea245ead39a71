"""Annotated boxes: number of points, visibility and tracks."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.geometry.projection import project_points
from perception_kd.geometry.rigid import Array, invert_rigid, transform_points
from perception_kd.synthetic.sensors.calibration import sweep_delay
from perception_kd.synthetic.sensors.rays import Snapshot
from perception_kd.synthetic.world.agents import Agent
from perception_kd.synthetic.world.scene import Scene
from perception_kd.synthetic.writer.tables import (
    Record,
    Tables,
    link,
    make_token,
    translation_rotation,
)

MAX_DISTANCE = 80.0
_LEVELS = (0.4, 0.6, 0.8)


class VisibilityMeter:
    """Measures the visibility of the agents in the cameras of one keyframe.

    The visibility is the share of an agent's surface facing the vehicle that lies on an
    image and is not occluded by another object.

    Args:
        scene: Scene with the agents.
        time: Time of the keyframe in s.
    """

    def __init__(self, scene: Scene, time: float) -> None:
        self._scene = scene
        eye = scene.ego2world(time)[:3, 3] + (0.0, 0.0, 1.5)
        parts = [_surface(agent.mesh.vertices[agent.mesh.triangles]) for agent in scene.agents]
        self._agent = np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts])
        self._centers, self._normals, area = (np.concatenate(x) for x in zip(*parts, strict=True))
        facing = self._facing(eye, *self._placed(time))
        self._area = area * facing
        self._seen = np.zeros(len(area), bool)

    def add_view(
        self,
        snapshot: Snapshot,
        time: float,
        cam2world: Array,
        cam2img: Array,
        size: tuple[int, int],
    ) -> None:
        """Add the view of one camera.

        Args:
            snapshot: Scene at the trigger time of the camera.
            time: This time in s.
            cam2world: Pose of the camera, shape (4, 4).
            cam2img: Intrinsics in px, shape (3, 3).
            size: Height and width of the image in px.
        """
        centers, normals = self._placed(time)
        projection = project_points(centers, invert_rigid(cam2world), cam2img, size, 0.3)
        near = projection.visible & (projection.depth < MAX_DISTANCE)
        rows = np.flatnonzero(near & self._facing(cam2world[:3, 3], centers, normals))
        rays = centers[rows] - cam2world[:3, 3]
        hits = snapshot.cast(cam2world[:3, 3], rays / np.linalg.norm(rays, axis=1, keepdims=True))
        same = hits.object_id == self._scene.first_agent_id + self._agent[rows]
        self._seen[rows[same]] = True

    def tokens(self) -> list[str]:
        """Return the visibility token of each agent."""
        count = len(self._scene.agents)
        whole = np.bincount(self._agent, self._area, count)
        seen = np.bincount(self._agent, self._area * self._seen, count)
        shares = seen / np.maximum(whole, 1e-9)
        return [str(1 + level) for level in np.digitize(shares, _LEVELS)]

    def _placed(self, time: float) -> tuple[Array, Array]:
        """Return centers and normals of all triangles in the world, (T, 3) each."""
        poses = np.array([agent.pose(time) for agent in self._scene.agents])[self._agent]
        centers = np.einsum("nij,nj->ni", poses[:, :3, :3], self._centers) + poses[:, :3, 3]
        return centers, np.einsum("nij,nj->ni", poses[:, :3, :3], self._normals)

    @staticmethod
    def _facing(eye: Array, centers: Array, normals: Array) -> NDArray[np.bool_]:
        """Return which triangles face a position (3,), shape (T,)."""
        return np.asarray(((eye - centers) * normals).sum(axis=1) > 0)


def _surface(corners: Array) -> tuple[Array, Array, Array]:
    """Return centers, outward normals and areas of triangles with corners (T, 3, 3)."""
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(cross, axis=1)
    centers = corners.mean(axis=1)
    return centers, cross / np.maximum(length, 1e-12)[:, None], length / 2


def pose_when_scanned(scene: Scene, agent: Agent, lidar2ego: Array, time: float) -> Array:
    """Return the pose of an agent when the LiDAR sweeps over it.

    Annotators draw a box around the points that they see: the box lies where the object
    was when the LiDAR hit it, up to 50 ms before the timestamp of the sweep.

    Args:
        scene: Scene of the agent.
        agent: Agent of the scene.
        lidar2ego: Pose of the LiDAR on the vehicle, shape (4, 4).
        time: End of the sweep in s.

    Returns:
        Pose in the world frame, shape (4, 4).
    """
    delay = 0.0
    # The delay depends on the position of the agent, which hardly depends on the delay.
    for _ in range(2 if agent.speed else 0):
        ego2world = scene.ego2world(time + delay)
        x, y, _ = (invert_rigid(ego2world) @ agent.pose(time + delay))[:3, 3] - lidar2ego[:3, 3]
        delay = sweep_delay(float(np.rad2deg(np.arctan2(y, x))))
    return agent.pose(time + delay)


def count_points(points: Array, agent: Agent, agent2lidar: Array) -> int:
    """Return the number of points in a box, as the devkit counts them.

    Args:
        points: Points in the LiDAR frame in m, shape (N, 3).
        agent: Agent of the box.
        agent2lidar: Pose of the box, shape (4, 4).
    """
    reach = np.linalg.norm(agent.size) / 2
    near = points[np.linalg.norm(points - agent2lidar[:3, 3], axis=1) < reach]
    local = transform_points(near, invert_rigid(agent2lidar))
    return int((np.abs(local) <= np.array(agent.size) / 2).all(axis=1).sum())


def make_tracks(
    scene: Scene,
    times: list[float],
    samples: list[str],
    poses: list[list[Array]],
    num_points: list[list[int]],
    visibility: list[list[str]],
) -> Tables:
    """Return the tables ``instance`` and ``sample_annotation``.

    An agent is annotated in the keyframes in which it has LiDAR points or the cameras
    see more than 40 % of it, and in those between, as in nuScenes; never beyond 80 m.
    An agent annotated only once has no velocity; a class with only such agents gets a
    velocity error of 1 in the evaluation of nuScenes, regardless of the predictions.

    Args:
        scene: Scene to annotate.
        times: Times of the keyframes in s.
        samples: Tokens of the keyframes.
        poses: Poses of the boxes in the world by keyframe and agent, (4, 4) each.
        num_points: Number of LiDAR points in the box by keyframe and agent.
        visibility: Visibility tokens by keyframe and agent.
    """
    frames = range(len(times))
    tables: dict[str, list[Record]] = {"instance": [], "sample_annotation": []}
    for index, agent in enumerate(scene.agents):
        instance = make_token(scene.name, "instance", index)
        records: list[dict[str, Any]] = []
        found = [i for i in frames if num_points[i][index] or visibility[i][index] != "1"]
        for frame in range(min(found, default=0), max(found, default=-1) + 1):
            pose = poses[frame][index]
            away = pose[:2, 3] - scene.ego2world(times[frame])[:2, 3]
            if np.linalg.norm(away) > MAX_DISTANCE:
                continue
            length, width, height = agent.size
            records.append(
                {
                    "token": make_token(scene.name, "annotation", index, frame),
                    "sample_token": samples[frame],
                    "instance_token": instance,
                    "visibility_token": visibility[frame][index],
                    "attribute_tokens": _attributes(agent),
                    "size": [width, length, height],
                    "num_lidar_pts": num_points[frame][index],
                    "num_radar_pts": 0,
                    **translation_rotation(scene.world2global @ pose),
                }
            )
        if records:
            tables["sample_annotation"] += link(records)
            tables["instance"].append(
                {
                    "token": instance,
                    "category_token": make_token("category", agent.category),
                    "nbr_annotations": len(records),
                    "first_annotation_token": records[0]["token"],
                    "last_annotation_token": records[-1]["token"],
                }
            )
    return tables


def _attributes(agent: Agent) -> list[str]:
    return [make_token("attribute", agent.attribute)] if agent.attribute else []
