"""Ground of a sweep by Patchwork++, as a second opinion."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.utils.extras import install_command


def import_patchwork() -> Any:
    """Return the module of Patchwork++.

    Raises:
        ImportError: If it is not installed.
    """
    try:
        import pypatchworkpp
    except ImportError as error:
        raise ImportError(
            "ground_backend=patchworkpp needs pypatchworkpp; install it with "
            f"{install_command('patchwork')}, or use ground_backend=slices."
        ) from error
    return pypatchworkpp


def find_patchwork_ground(
    points: NDArray[np.floating[Any]], sensor_height: float
) -> NDArray[np.bool_]:
    """Return the mask of the ground points of a sweep by Patchwork++ [1].

    Its thresholds adapt from sweep to sweep. Here each sweep is the first, so that its
    ground does not depend on which sweeps came before it. Its filter of reflections
    reads intensities, whose scale differs between data sets, and is off.

    - [1] Patchwork++: Fast and Robust Ground Segmentation Solving Partial
      Under-Segmentation Using 3D Point Cloud, 2022,
      https://doi.org/10.1109/IROS47612.2022.9981561

    Args:
        points: Finite positions in m, z up, shape (N, 3).
        sensor_height: Height of the LiDAR over the ground in m.

    Returns:
        Shape (N,). Points nearer than 2.7 m or farther than 80 m are not ground.

    Raises:
        ImportError: If it is not installed.
    """
    module = import_patchwork()
    is_ground = np.zeros(len(points), dtype=bool)
    if not len(points):
        return is_ground
    parameters = module.Parameters()
    parameters.sensor_height = sensor_height
    parameters.enable_RNR = False
    with _silent():
        search = module.patchworkpp(parameters)
        search.estimateGround(points.astype(np.float32))
    is_ground[search.getGroundIndices()] = True
    return is_ground


@contextmanager
def _silent() -> Iterator[None]:
    """Drop what compiled code writes to the standard output: a line per object."""
    sys.stdout.flush()
    kept, null = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(null)
