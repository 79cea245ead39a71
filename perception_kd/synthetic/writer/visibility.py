"""Visibility of agents in the camera images."""

import numpy as np
from numpy.typing import NDArray

from perception_kd.geometry.projection import project_points
from perception_kd.geometry.rigid import invert_rigid
from perception_kd.structures import Array
from perception_kd.synthetic.sensors.rays import Snapshot
from perception_kd.synthetic.world.scene import Scene
from perception_kd.synthetic.writer.annotations import ANNOTATION_RANGE

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
        near = projection.visible & (projection.depth < ANNOTATION_RANGE)
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
        """Return the mask of the triangles that face a position (3,), shape (T,)."""
        return np.asarray(((eye - centers) * normals).sum(axis=1) > 0)


def _surface(corners: Array) -> tuple[Array, Array, Array]:
    """Return centers, outward normals and areas of triangles with corners (T, 3, 3)."""
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(cross, axis=1)
    centers = corners.mean(axis=1)
    return centers, cross / np.maximum(length, 1e-12)[:, None], length / 2
