"""A fake SemanticKITTI tree."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.fake_data.street import Street, intensities, render_image, scan

Array = NDArray[np.float64]

RAW_LABELS = {
    "road": 40,
    "sidewalk": 48,
    "terrain": 72,
    "building": 50,
    "trunk": 71,
    "car": 10,
    "truck": 18,
    "person": 30,
}
MOVING_LABELS = {"car": 252, "truck": 258, "person": 254}
FRAME_PERIOD_S = 0.1037
FULL_WIDTH = 1241

# From the calibration of sequence 00 of the KITTI odometry benchmark.
LIDAR2CAM0 = np.array(
    [
        [4.276802385584e-04, -9.999672484946e-01, -8.084491683471e-03, -1.198459927713e-02],
        [-7.210626507497e-03, 8.081198471645e-03, -9.999413164504e-01, -5.403984729748e-02],
        [9.999738645903e-01, 4.859485810390e-04, -7.206933692422e-03, -2.921968648686e-01],
        [0.0, 0.0, 0.0, 1.0],
    ]
)
P2 = np.array(
    [
        [718.856, 0.0, 607.1928, 45.38225],
        [0.0, 718.856, 185.2157, -0.1130887],
        [0.0, 0.0, 1.0, 0.003779761],
    ]
)


def make_semantickitti(
    root: str | Path,
    sequences: Sequence[int] = (0, 7, 8),
    frames: int = 3,
    img_size: tuple[int, int] = (94, 310),
    num_azimuths: int = 240,
    seed: int = 0,
) -> Path:
    """Write a small tree ``root/sequences/NN`` that any SemanticKITTI reader opens.

    Args:
        root: Folder to create.
        sequences: Numbers of the sequences; those >= 11 have no labels.
        frames: Frames per sequence.
        img_size: Height and width in px.
        num_azimuths: Columns per sweep; a sweep has up to 64 times as many points.
        seed: Random seed; the same seed gives the same tree.

    Returns:
        ``root``.
    """
    root = Path(root)
    for sequence in sequences:
        rng = np.random.default_rng([seed, sequence])
        folder = root / "sequences" / f"{sequence:02d}"
        _write_sequence(folder, sequence < 11, frames, img_size, num_azimuths, rng)
    return root


def _write_sequence(
    folder: Path,
    labeled: bool,
    frames: int,
    img_size: tuple[int, int],
    num_azimuths: int,
    rng: np.random.Generator,
) -> None:
    for name in ("velodyne", "image_2", *(["labels"] if labeled else [])):
        (folder / name).mkdir(parents=True)
    street = Street(rng)
    projection = np.diag([*[img_size[1] / FULL_WIDTH] * 2, 1.0]) @ P2
    lidar2street = [_lidar2street(frame * FRAME_PERIOD_S) for frame in range(frames)]
    for frame, pose in enumerate(lidar2street):
        _write_frame(folder, frame, street, pose, projection, img_size, num_azimuths, rng)
    _write_calibration(folder, projection)
    _write_poses(folder, lidar2street)


def _lidar2street(time: float) -> Array:
    """Return the pose of a LiDAR at 1.73 m on a car in a slight left curve, (4, 4)."""
    yaw = 0.15 * time
    lidar2street = np.eye(4)
    lidar2street[:2, :2] = [[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]
    lidar2street[:3, 3] = 8.0 * time, -0.5 + 0.6 * time**2, 1.73
    return lidar2street


def _write_frame(
    folder: Path,
    frame: int,
    street: Street,
    lidar2street: Array,
    projection: Array,
    img_size: tuple[int, int],
    num_azimuths: int,
    rng: np.random.Generator,
) -> None:
    time = frame * FRAME_PERIOD_S
    elevations = np.deg2rad(np.linspace(-24.8, 2.0, 64))
    points, _, surface, kinds = scan(street, lidar2street, elevations, num_azimuths, time)
    rows = np.column_stack([points, intensities(kinds, rng)]).astype(np.float32)
    rows.tofile(folder / "velodyne" / f"{frame:06d}.bin")
    if (folder / "labels").exists():
        _point_labels(street, surface, kinds).tofile(folder / "labels" / f"{frame:06d}.label")

    cam2img = projection[:, :3]
    lidar2cam2 = LIDAR2CAM0.copy()
    lidar2cam2[:3, 3] += np.linalg.inv(cam2img) @ projection[:, 3]
    cam2street = lidar2street @ np.linalg.inv(lidar2cam2)
    img = render_image(street, cam2street, cam2img, img_size, time, rng)
    Image.fromarray(img).save(folder / "image_2" / f"{frame:06d}.png")


def _point_labels(
    street: Street, surface: NDArray[np.int64], kinds: NDArray[np.str_]
) -> NDArray[np.uint32]:
    """Return SemanticKITTI labels (N,), with the instance in the high 16 bits."""
    labels = np.array([RAW_LABELS[kind] for kind in kinds], dtype=np.uint32)
    for index, thing in enumerate(street.things):
        if thing.kind in MOVING_LABELS:
            raw = MOVING_LABELS[thing.kind] if thing.speed else RAW_LABELS[thing.kind]
            labels[surface == 3 + index] = raw | (index + 1) << 16
    return labels


def _write_calibration(folder: Path, projection: Array) -> None:
    left = projection.copy()
    left[:, 3] = 0.0
    rows = {"P0": left, "P1": left, "P2": projection, "P3": projection, "Tr": LIDAR2CAM0[:3]}
    lines = [f"{name}: {_numbers(matrix, '.12e')}" for name, matrix in rows.items()]
    (folder / "calib.txt").write_text("\n".join(lines) + "\n")


def _write_poses(folder: Path, lidar2street: list[Array]) -> None:
    cam02lidar = np.linalg.inv(LIDAR2CAM0)
    street2first = LIDAR2CAM0 @ np.linalg.inv(lidar2street[0])
    poses = [street2first @ pose @ cam02lidar for pose in lidar2street]
    lines = [_numbers(pose[:3], ".8e") for pose in poses]
    (folder / "poses.txt").write_text("\n".join(lines) + "\n")
    times = [f"{frame * FRAME_PERIOD_S:.6e}" for frame in range(len(poses))]
    (folder / "times.txt").write_text("\n".join(times) + "\n")


def _numbers(matrix: Array, form: str) -> str:
    return " ".join(format(x, form) for x in matrix.ravel())
