"""Annotated boxes: poses, numbers of points and tracks."""

from typing import Any

import numpy as np

from perception_kd.datasets.nuscenes.json_records import Record
from perception_kd.geometry.rigid import invert_rigid, transform_points
from perception_kd.structures import Array
from perception_kd.synthetic.sensors.calibration import sweep_delay
from perception_kd.synthetic.world.agents import Agent
from perception_kd.synthetic.world.scene import Scene
from perception_kd.synthetic.writer.tables import (
    Tables,
    link,
    make_token,
    translation_rotation,
)

ANNOTATION_RANGE = 80.0


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
        Pose in world coordinates, shape (4, 4).
    """
    delay = 0.0
    # The delay depends on the position of the agent, which hardly depends on the delay.
    for _ in range(2 if agent.speed else 0):
        ego2world = scene.ego2world(time + delay)
        x, y, _ = (invert_rigid(ego2world) @ agent.pose(time + delay))[:3, 3] - lidar2ego[:3, 3]
        delay = sweep_delay(float(np.rad2deg(np.arctan2(y, x))))
    return agent.pose(time + delay)


def count_points_on(points: Array, agent: Agent, agent2lidar: Array) -> int:
    """Return the number of points in a box, as the devkit counts them.

    Args:
        points: Points in LiDAR coordinates in m, shape (N, 3).
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
            if np.linalg.norm(away) > ANNOTATION_RANGE:
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
