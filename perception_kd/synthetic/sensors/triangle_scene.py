"""Ray casting against triangles with Open3D, which is imported on first use."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.structures import Array
from perception_kd.synthetic.world.meshes import Mesh, merge
from perception_kd.utils.extras import install_command

Float32 = NDArray[np.float32]


class TriangleScene:
    """Triangles prepared for ray casting.

    Args:
        meshes: Meshes in world coordinates; their triangles are numbered in order.

    Raises:
        ImportError: If Open3D is not installed.
    """

    def __init__(self, meshes: list[Mesh]) -> None:
        # One thread, here and in casting: scenes are rendered in parallel processes.
        self._scene = _open3d().t.geometry.RaycastingScene(nthreads=1)
        if meshes:
            mesh = merge(meshes)
            vertices = mesh.vertices.astype(np.float32)
            triangles = mesh.triangles.astype(np.uint32)
            self._scene.add_triangles(_to_tensor(vertices), _to_tensor(triangles))

    def cast(self, rays: Float32) -> tuple[Float32, NDArray[np.int64], Float32]:
        """Find the first hits of rays.

        Args:
            rays: Origins and directions as of :func:`make_rays`, shape (N, 6).

        Returns:
            Distances in m, infinite for rays that miss, (N,); triangles, -1 for rays
            that miss, (N,); and normals, (N, 3).
        """
        result = self._scene.cast_rays(_to_tensor(rays), nthreads=1)
        distance = result["t_hit"].numpy().copy()
        triangle = result["primitive_ids"].numpy().astype(np.int64)
        triangle[~np.isfinite(distance)] = -1
        return distance, triangle, result["primitive_normals"].numpy().copy()


def make_rays(origins: Array | Float32, directions: Array | Float32) -> Float32:
    """Join origins (N, 3) or (3,) and directions (N, 3) to rays, shape (N, 6)."""
    rays = np.empty((len(directions), 6), np.float32)
    rays[:, :3], rays[:, 3:] = origins, directions
    return rays


def _open3d() -> Any:
    try:
        import open3d
    except ImportError as error:
        raise ImportError(
            f"Rendering synthetic data needs Open3D; install it with {install_command('cpu')}."
        ) from error
    return open3d


def _to_tensor(array: NDArray[Any]) -> Any:
    return _open3d().core.Tensor.from_numpy(np.ascontiguousarray(array))
