"""Ray casting into a scene."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.geometry.rigid import Array
from perception_kd.synthetic.world.ground import GROUND_MATERIALS
from perception_kd.synthetic.world.materials import MATERIAL_INDEX
from perception_kd.synthetic.world.meshes import Mesh, merge, move
from perception_kd.synthetic.world.scene import FIRST_OBJECT_ID, GROUND_IDS, SKY_ID, Scene

Float32 = NDArray[np.float32]


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
        position: Position in the world frame in m, shape (N, 3).
        local: Position in m in the frame of the agent that was hit (for other objects:
            in the world frame), shape (N, 3).
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
        self._static = _make_open3d_scene([merge(static)])
        self._ground_materials = np.array([MATERIAL_INDEX[name] for name in GROUND_MATERIALS])

    def at(self, time: float) -> "Snapshot":
        """Return the scene at a time in s."""
        agents, poses = self._scene.agents, self._poses.copy()
        for i in self._moving:
            poses[i] = agents[i].pose(time)
        moving = _make_open3d_scene([move(agents[i].mesh, poses[i]) for i in self._moving])
        return Snapshot(self, moving, poses)

    def look_up(
        self, triangle: NDArray[np.int64], position: Float32
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], Float32]:
        """Look up the surfaces of hits.

        Args:
            triangle: Index of the triangle, -1 for rays that miss, shape (N,).
            position: Position in the world frame in m, shape (N, 3).

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
    def static_geometry(self) -> Any:
        """Open3D's ray casting scene of the static geometry."""
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

    def __init__(self, caster: RayCaster, moving: Any, poses: Array) -> None:
        self._caster, self._moving, self._poses = caster, moving, poses

    def cast(self, origins: Array | Float32, directions: Array | Float32) -> Hits:
        """Find the first hits of rays.

        Args:
            origins: Origins in the world frame in m, shape (N, 3) or (3,).
            directions: Unit vectors, shape (N, 3).
        """
        rays = _make_rays(origins, directions)
        distance, triangle, normal = _cast(self._caster.static_geometry, rays)
        near, moving_triangle, moving_normal = _cast(self._moving, rays)
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
            origins: Origins in the world frame in m, shape (N, 3) or (3,).
            directions: Unit vectors, shape (N, 3).
            far: Distance in m, a number or an array of shape (N,).

        Returns:
            Boolean array, shape (N,).
        """
        rays = _make_rays(origins, directions)
        hidden = np.zeros(len(rays), bool)
        for scene in (self._caster.static_geometry, self._moving):
            distance = scene.cast_rays(_to_tensor(rays), nthreads=1)["t_hit"].numpy()
            hidden |= distance < far
        return hidden

    def _to_local(self, position: Float32, object_id: NDArray[np.int64]) -> Float32:
        """Return positions in the frames of the agents they lie on, shape (N, 3)."""
        agent = object_id - self._caster.first_agent_id
        on_agent = np.flatnonzero(agent >= 0)
        poses = self._poses.astype(np.float32)[agent[on_agent]]
        local = position.copy()
        moved = position[on_agent] - poses[:, :3, 3]
        local[on_agent] = np.einsum("nij,ni->nj", poses[:, :3, :3], moved)
        # Each agent has its own offset in the texture.
        local[on_agent] += (agent[on_agent, None] * np.float32(1.37)) % np.float32(17)
        return local


def _make_rays(origins: Array | Float32, directions: Array | Float32) -> Float32:
    """Return rays as Open3D takes them: origin and direction, shape (N, 6)."""
    rays = np.empty((len(directions), 6), np.float32)
    rays[:, :3], rays[:, 3:] = origins, directions
    return rays


def _cast(scene: Any, rays: Float32) -> tuple[Float32, NDArray[np.int64], Float32]:
    """Return distances (N,), triangles (N,), -1 = none, and normals (N, 3)."""
    result = scene.cast_rays(_to_tensor(rays), nthreads=1)
    distance = result["t_hit"].numpy().copy()
    triangle = result["primitive_ids"].numpy().astype(np.int64)
    triangle[~np.isfinite(distance)] = -1
    return distance, triangle, result["primitive_normals"].numpy().copy()


def _open3d() -> Any:
    try:
        import open3d
    except ImportError as error:
        raise ImportError(
            'Rendering synthetic data needs Open3D; install it with pip install -e ".[cpu]".'
        ) from error
    return open3d


def _to_tensor(array: NDArray[Any]) -> Any:
    return _open3d().core.Tensor.from_numpy(np.ascontiguousarray(array))


def _make_open3d_scene(meshes: list[Mesh]) -> Any:
    # One thread, here and in casting: scenes are rendered in parallel processes.
    scene = _open3d().t.geometry.RaycastingScene(nthreads=1)
    if meshes:
        mesh = merge(meshes)
        vertices, triangles = mesh.vertices.astype(np.float32), mesh.triangles.astype(np.uint32)
        scene.add_triangles(_to_tensor(vertices), _to_tensor(triangles))
    return scene
