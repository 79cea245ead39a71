"""Poses of a LiDAR from its points alone, by KISS-ICP, kept beside the info files."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation
from tqdm import tqdm

from perception_kd.datasets.folder.calibration import axes_matrix, world_mirror
from perception_kd.datasets.folder.file_lists import SensorFile
from perception_kd.datasets.folder.frames import Recording, split_at_gaps
from perception_kd.datasets.folder.rig import Poses, Rig
from perception_kd.datasets.folder.sections import RigError
from perception_kd.io.atomic import write_whole
from perception_kd.io.point_checks import is_plausible
from perception_kd.io.point_files.readers import find_size_fault, read_points
from perception_kd.structures import Array, PointLayout, Points
from perception_kd.utils.extras import install_command

POSES_FOLDER = "poses"


def provide_poses(
    rig: Rig, root: Path, recording: Recording, layout: PointLayout, path: Path, *, progress: bool
) -> Poses:
    """Return poses in a file, which is written unless it is there.

    Args:
        rig: The rig.
        root: Folder of the recording.
        recording: Files of one scene.
        layout: Layout of the files of points.
        path: File of poses to write, in TUM's format.
        progress: Whether to show a progress bar.

    Raises:
        RigError: If kiss-icp is not installed.
        BrokenFileError: If a sweep cannot be read.
    """
    sweeps = [x for x in recording.sweeps if not find_size_fault(root / x.path, layout)]
    head = (
        f"# kiss-icp {_version()}, {len(sweeps)} sweeps {_fingerprint(rig, root, sweeps)}, {layout}"
    )
    if not _is_made_with(path, head):
        parts = split_at_gaps(sweeps, rig.frames.scene_gap_s)
        with tqdm(desc="poses", total=len(sweeps), disable=not progress) as bar:

            def read(file: SensorFile) -> Points:
                bar.update()
                return read_points(root / file.path, layout)

            poses = [pose for part in parts for pose in compute_poses(part, read)]
        # As all poses of a LiDAR in a rig file, they are of the stored axes.
        of_stored = world_mirror(rig.lidar) @ np.array(poses) @ axes_matrix(rig.lidar.axes)
        write_tum(path, sweeps, of_stored, head)
    gap_s = max(Poses("tum").max_gap_s, rig.frames.scene_gap_s)
    return replace(Poses("tum"), file=str(path), max_gap_s=gap_s)


def compute_poses(
    sweeps: Sequence[SensorFile], read: Callable[[SensorFile], Points]
) -> Iterator[Array]:
    """Yield the pose of the LiDAR at each sweep, relative to the first, (4, 4).

    All points of a sweep count as measured at its time: files seldom have the times of
    single points.

    Args:
        sweeps: Files in the order of time, without long gaps.
        read: Returns the points of one, (M, F).

    Raises:
        RigError: If kiss-icp is not installed.
    """
    _version()
    from kiss_icp.config import load_config
    from kiss_icp.kiss_icp import KissICP

    config = load_config(None)
    config.data.deskew = False
    odometry = KissICP(config)
    for sweep in sweeps:
        points = read(sweep)
        positions = points[is_plausible(points), :3].astype(np.float64)
        odometry.register_frame(positions, np.zeros(len(positions)))
        yield odometry.last_pose.copy()


def write_tum(path: Path, sweeps: Sequence[SensorFile], poses: Array, head: str) -> None:
    """Write poses as lines: time x y z qx qy qz qw.

    Args:
        path: File to write; its folder is made.
        sweeps: The files, N of them, whose times are written.
        poses: (N, 4, 4).
        head: First line.
    """
    quaternions = Rotation.from_matrix(poses[:, :3, :3]).as_quat()
    lines = [
        " ".join([repr(sweep.time), *(f"{x:.9f}" for x in (*pose[:3, 3], *quaternion))])
        for sweep, pose, quaternion in zip(sweeps, poses, quaternions, strict=True)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, ("\n".join([head, *lines]) + "\n").encode())


def _fingerprint(rig: Rig, root: Path, sweeps: Sequence[SensorFile]) -> str:
    """Return a text that differs for other sweeps, or other times of them."""
    files = [(x.path, x.time, (root / x.path).stat().st_size) for x in sweeps]
    return hashlib.sha256(repr((rig.frames.scene_gap_s, files)).encode()).hexdigest()[:16]


def _version() -> str:
    try:
        import kiss_icp  # noqa: F401
    except ImportError as error:
        raise RigError(
            f"Poses by kiss-icp need that package ({error}); install it with: "
            f"{install_command('poses')}, or give a file of poses in the rig file."
        ) from error
    return version("kiss-icp")


def _is_made_with(path: Path, head: str) -> bool:
    if not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readline().rstrip("\n") == head
