"""Scenes as files of Rerun: points, images and boxes on a timeline."""

from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from mmdet3d.structures import LiDARInstance3DBoxes
from numpy.typing import NDArray

from perception_kd.io.atomic import check_writable_file, rename_on_disk, temporary_path
from perception_kd.utils.checks import check_shape
from perception_kd.utils.extras import install_command

_POINT_RADIUS = 0.04  # m


class RerunFile:
    """A file of Rerun that is written inside a ``with`` block, whole or not at all.

    No window opens and nothing is sent. What is added belongs to the step of the last
    :meth:`set_step`. Positions are in m in LiDAR coordinates.

    Args:
        path: File to write, ``*.rrd``.

    Raises:
        ImportError: If Rerun is not installed; names the extra.
        PermissionError: If the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        if find_spec("rerun") is None:
            raise ImportError(
                f"--rerun needs rerun-sdk; install it with {install_command('rerun')}."
            )
        self._path = check_writable_file("--rerun", path)
        self._temporary = temporary_path(self._path)
        self._stream: Any = None

    def __enter__(self) -> "RerunFile":
        """Begin the file."""
        import rerun

        self._stream = rerun.RecordingStream("perception_kd")
        self._stream.save(str(self._temporary))
        self._stream.log("lidar", rerun.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the file its name, or remove it after an error."""
        self._stream.flush(blocking=True)
        self._stream.disconnect()
        self._stream = None
        if error is None:
            rename_on_disk(self._temporary, self._path)
        self._temporary.unlink(missing_ok=True)

    def set_step(self, timeline: str, step: int) -> None:
        """Go to a step of a timeline, such as "keyframe"."""
        self._stream.set_time(timeline, sequence=step)

    def add_points(
        self,
        entity: str,
        positions: NDArray[np.float32],
        colors: NDArray[np.uint8],
        radius: float = _POINT_RADIUS,
    ) -> None:
        """Add a point cloud.

        Args:
            entity: Name with slashes, such as "lidar/points".
            positions: x, y, z in m, shape (N, 3).
            colors: RGB of each point, shape (N, 3), or of all, (3,).
            radius: Radius of the points in m.
        """
        import rerun

        check_shape("positions", positions, ("N", 3))
        self._stream.log(entity, rerun.Points3D(positions, colors=colors, radii=radius))

    def add_image(self, entity: str, img: NDArray[np.uint8]) -> None:
        """Add an image, RGB, shape (H, W, 3)."""
        import rerun

        self._stream.log(entity, rerun.Image(img).compress(jpeg_quality=90))

    def add_boxes(
        self, entity: str, boxes: LiDARInstance3DBoxes, color: tuple[int, int, int]
    ) -> None:
        """Add boxes of one color, turned by their yaw about z."""
        import rerun

        yaw = boxes.yaw.numpy(force=True) / 2
        zeros = np.zeros_like(yaw)
        content = rerun.Boxes3D(
            centers=boxes.gravity_center.numpy(force=True),
            half_sizes=boxes.dims.numpy(force=True) / 2,
            quaternions=np.stack((zeros, zeros, np.sin(yaw), np.cos(yaw)), axis=1),
            colors=[color] * len(boxes),
        )
        self._stream.log(entity, content)
