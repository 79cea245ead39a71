"""Ray casting into a scene."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_kd.structures import Array
from perception_kd.synthetic.sensors.triangle_scene import Float32, TriangleScene, make_rays
from perception_kd.synthetic.world.ground import GROUND_MATERIALS
from perception_kd.synthetic.world.materials import MATERIAL_INDEX
from perception_kd.synthetic.world.meshes import merge, move
from perception_kd.synthetic.world.scene import FIRST_OBJECT_ID, GROUND_IDS, SKY_ID, Scene


@dataclass
class Hits:
    """First hits of N rays.

    For rays that miss, only the first two arrays have a meaning.

    Attributes:
        distance: Distance in m, infinite for rays that miss, shape (N,).
        object_id: Object id, ``SKY_ID`` for rays that miss, shape (N,).
        material: Index into ``MATERIALS``, shape (N,).
        color: RGB in 0..255, shape (N, 3).
        normal: Unit vector towards the origin of the ray, shape (N, 3).
        position: Position in world coordinates in m, shape (N, 3).
        local: Position in m in the coordinates of the agent that was hit (for other
            objects: in world coordinates), shape (N, 3).
    """

    distance: Float32
    object_id: NDArray[np.int64]
    material: NDArray[np.int64]
    color: Float32
    normal: Float32
    position: Float32
    local: Float32


def join_hits(parts: list[Hits]) -> Hits:
    """Concatenate the hits of several bundles of rays."""
    names = Hits.__dataclass_fields__
    return Hits(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


class RayCaster:
    """Casts rays into a scene; static geometry is prepared once.

    Args:
        scene: Scene to observe.

    Raises:
        ImportError: If Open3D is not installed.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._poses = np.array([agent.pose(0.0) for agent in scene.agents])
        speeds = np.array([agent.speed for agent in scene.agents])
        still, self._moving = np.flatnonzero(speeds == 0), np.flatnonzero(speeds)
        static = [scene.ground.mesh, *(thing.mesh for thing in scene.objects)]
        static += [move(scene.agents[i].mesh, self._poses[i]) for i in still]
        moving = [scene.agents[i].mesh for i in self._moving]
        agents = [*still, *self._moving]
        ids = [0, *range(FIRST_OBJECT_ID, scene.first_agent_id)]
        ids += [scene.first_agent_id + i for i in agents]
        self._num_static = sum(len(mesh.triangles) for mesh in static)
        everything = merge([*static, *moving])
        self._object_ids = np.repeat(ids, [len(mesh.triangles) for mesh in (*static, *moving)])
        self._materials = everything.materials
        self._colors = everything.colors.astype(np.float32)
        self._static = TriangleScene([merge(static)])
        self._ground_materials = np.array([MATERIAL_INDEX[name] for name in GROUND_MATERIALS])

    def at(self, time: float) -> "Snapshot":
        """Return the scene at a time in s."""
        agents, poses = self._scene.agents, self._poses.copy()
        for i in self._moving:
            poses[i] = agents[i].pose(time)
        moving = TriangleScene([move(agents[i].mesh, poses[i]) for i in self._moving])
        return Snapshot(self, moving, poses)

    def look_up(
        self, triangle: NDArray[np.int64], position: Float32
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], Float32]:
        """Look up the surfaces of hits.

        Args:
            triangle: Index of the triangle, -1 for rays that miss, shape (N,).
            position: Position in world coordinates in m, shape (N, 3).

        Returns:
            Object ids (N,), materials (N,) and RGB colors (N, 3).
        """
        object_id = np.where(triangle < 0, SKY_ID, self._object_ids[triangle])
        material, color = self._materials[triangle], self._colors[triangle]
        on_ground = np.flatnonzero((object_id == 0) & (triangle >= 0))
        kind = self._scene.ground.kind_at(position[on_ground])
        object_id[on_ground] = GROUND_IDS[kind]
        material[on_ground] = self._ground_materials[kind]
        color[on_ground] = self._scene.ground.colors.astype(np.float32)[kind]
        return object_id, material, color

    @property
    def static_geometry(self) -> TriangleScene:
        """Static triangles."""
        return self._static

    @property
    def num_static(self) -> int:
        """Number of static triangles."""
        return self._num_static

    @property
    def first_agent_id(self) -> int:
        """Object id of the first agent."""
        return self._scene.first_agent_id


class Snapshot:
    """A scene at one time, made by ``RayCaster.at``."""

    def __init__(self, caster: RayCaster, moving: TriangleScene, poses: Array) -> None:
        self._caster, self._moving, self._poses = caster, moving, poses

    def cast(self, origins: Array | Float32, directions: Array | Float32) -> Hits:
        """Find the first hits of rays.

        Args:
            origins: Origins in world coordinates in m, shape (N, 3) or (3,).
            directions: Unit vectors, shape (N, 3).
        """
        rays = make_rays(origins, directions)
        distance, triangle, normal = self._caster.static_geometry.cast(rays)
        near, moving_triangle, moving_normal = self._moving.cast(rays)
        nearer = near < distance
        distance[nearer], normal[nearer] = near[nearer], moving_normal[nearer]
        triangle[nearer] = moving_triangle[nearer] + self._caster.num_static
        away = np.where(np.isfinite(distance), distance, 0)[:, None]
        position = rays[:, :3] + away * rays[:, 3:]
        object_id, material, color = self._caster.look_up(triangle, position)
        towards = (normal * rays[:, 3:]).sum(axis=1) > 0
        normal[towards] *= -1
        local = self._to_local(position, object_id)
        return Hits(distance, object_id, material, color, normal, position, local)

    def occluded(
        self, origins: Array | Float32, directions: Array | Float32, far: Float32 | float = np.inf
    ) -> NDArray[np.bool_]:
        """Return whether rays hit anything nearer than ``far``.

        Args:
            origins: Origins in world coordinates in m, shape (N, 3) or (3,).
            directions: Unit vectors, shape (N, 3).
            far: Distance in m, a number or an array of shape (N,).

        Returns:
            Boolean array, shape (N,).
        """
        rays = make_rays(origins, directions)
        hidden = np.zeros(len(rays), bool)
        for scene in (self._caster.static_geometry, self._moving):
            distance, _, _ = scene.cast(rays)
            hidden |= distance < far
        return hidden

    def _to_local(self, position: Float32, object_id: NDArray[np.int64]) -> Float32:
        """Return positions in coordinates of the agents they lie on, shape (N, 3)."""
        agent = object_id - self._caster.first_agent_id
        on_agent = np.flatnonzero(agent >= 0)
        poses = self._poses.astype(np.float32)[agent[on_agent]]
        local = position.copy()
        moved = position[on_agent] - poses[:, :3, 3]
        local[on_agent] = np.einsum("nij,ni->nj", poses[:, :3, :3], moved)
        # Each agent has its own offset in the texture.
        local[on_agent] += (agent[on_agent, None] * np.float32(1.37)) % np.float32(17)
        return local
