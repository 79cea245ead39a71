"""A rig file as plain objects. ``docs/your_data.md`` explains every key."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from perception_kd.datasets.folder.calibration_values import Numbers
from perception_kd.datasets.folder.constants import MAX_POSE_GAP_S, SCENE_GAP_S, TOLERANCE_S
from perception_kd.datasets.folder.transforms import RigidTransform

# Where the axes of coordinates may point; opposite directions stand beside each other.
DIRECTIONS = ("forward", "backward", "left", "right", "up", "down")
LIDAR_AXES = ("forward", "left", "up")
CAMERA_AXES = ("right", "down", "forward")
SCENE = "{scene}"


def opposite(direction: str) -> str:
    """Return the name of the inverse of a transform, such as "cam2lidar"."""
    source, _, target = direction.partition("2")
    return f"{target}2{source}"


@dataclass(frozen=True)
class Times:
    """Source of the times of a sensor's files.

    Attributes:
        source: "names" of the files, a "csv" file, or their "order".
        pattern: Name of a file without its suffix; ``{time}`` stands for the time,
            ``*`` for anything. ``{s}`` and one of ``{ms}``, ``{us}`` or ``{ns}`` stand
            for its two parts.
        unit: Unit of numbers: "s", "ms", "us" or "ns".
        format: Format of dates, as Python's ``strptime`` has it; empty for numbers.
        rate_hz: Files per second, where names have numbers of frames, or by order.
        file: The csv file, relative to the root.
        time_column: Name of the column of times, or its number from 0 in a file without
            a head.
        name_column: The same of the column of file names; empty if rows are in the
            order of the files.
        offset_s: Added to all times, in s: what the clock of the sensor is late.
    """

    source: str
    pattern: str = ""
    unit: str = "s"
    format: str = ""
    rate_hz: float = 0.0
    file: str = ""
    time_column: str = ""
    name_column: str = ""
    offset_s: float = 0.0


@dataclass(frozen=True)
class Lidar:
    """The LiDAR.

    Attributes:
        files: Pattern of its files, relative to the root.
        times: Where their times come from.
        columns: Names of the columns in their order, for files that do not say them
            (``.bin``, ``.npy``); else empty.
        position: Names of the columns of x, y and z.
        intensity: Name of the column of intensities; empty if there is none.
        intensity_max: Largest intensity that the sensor can give, such as 1 or 255, or
            None if it is not known.
        dtype: Type of a number of a file of raw rows (``.bin``).
        unit: Unit of positions: "m", "cm" or "mm".
        axes: Where x, y and z of the stored points point. Extrinsics are of these axes.
        lidar2ego: From the LiDAR to the ego vehicle; None leaves it at the LiDAR.
        ego2lidar: The inverse, if the file has that.
    """

    files: str
    times: Times
    columns: tuple[str, ...] = ()
    position: tuple[str, ...] = ("x", "y", "z")
    intensity: str = "intensity"
    intensity_max: float | None = None
    dtype: str = "float32"
    unit: str = "m"
    axes: tuple[str, ...] = LIDAR_AXES
    lidar2ego: RigidTransform | None = None
    ego2lidar: RigidTransform | None = None


@dataclass(frozen=True)
class Camera:
    """A camera.

    Attributes:
        name: Its name in info files.
        files: Pattern of its images, relative to the root.
        times: Where their times come from.
        intrinsics: fx, fy, cx, cy in px, or a (3, 3) or (3, 4) matrix by rows.
        direction: What ``extrinsics`` are: "lidar2cam", "cam2lidar", "cam2ego" or
            "ego2cam".
        extrinsics: The transform.
        calibrated_size: Width and height in px of the images that the intrinsics were
            measured on; None means the size of the files.
        distortion_model: "none", "opencv" or "fisheye".
        distortion: Coefficients in OpenCV's order, or None.
        axes: Where x, y and z of the camera point in the extrinsics.
        turned: Whether the camera may be mounted turned about its optical axis.
    """

    name: str
    files: str
    times: Times
    intrinsics: Numbers
    direction: str
    extrinsics: RigidTransform
    calibrated_size: tuple[int, int] | None = None
    distortion_model: str = "none"
    distortion: Numbers | None = None
    axes: tuple[str, ...] = CAMERA_AXES
    turned: bool = False


@dataclass(frozen=True)
class Frames:
    """Settings that combine sweeps and images into frames.

    Attributes:
        tolerance_s: Longest time between a sweep and an image of its frame.
        every_s: Shortest time between two frames; 0 makes each sweep a frame.
        max_sweeps: Largest number of earlier sweeps of a frame, if there are poses.
        scene_gap_s: A longer pause between two sweeps begins another scene.
        max_missing: Largest share of the frames that may lack an image of a camera, a
            pose, or files that can be read.
    """

    tolerance_s: float = TOLERANCE_S
    every_s: float = 0.0
    max_sweeps: int = 10
    scene_gap_s: float = SCENE_GAP_S
    max_missing: float = 0.5


@dataclass(frozen=True)
class Poses:
    """File of the poses of the vehicle, and its format.

    Attributes:
        format: "kitti", "tum", "csv" or "kiss-icp", which computes them.
        file: The file, relative to the root.
        of: "lidar", "ego", "body" or the name of a camera: the body that the
            poses describe.
        lidar2body: From the LiDAR to the body, if ``of`` is "body".
        body2lidar: The inverse, if the file has that.
        unit: Unit of the times of a TUM or csv file.
        columns: Names of the csv file's columns, or numbers from 0, by ``time``, ``x``,
            ``y``, ``z``, ``qw``, ``qx``, ``qy``, ``qz``.
        max_gap_s: Longest time between two poses that is interpolated.
    """

    format: str
    file: str = ""
    of: str = "lidar"
    lidar2body: RigidTransform | None = None
    body2lidar: RigidTransform | None = None
    unit: str = "s"
    columns: Mapping[str, str] = field(default_factory=dict)
    max_gap_s: float = MAX_POSE_GAP_S


@dataclass(frozen=True)
class Splits:
    """Scenes for training and for validation.

    Attributes:
        scenes: Names or patterns of scenes by split.
        val_share: Share of the time, at its end, that validates; for a split by time.
        guard_s: Frames of so many seconds before it are left out.
    """

    scenes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    val_share: float = 0.0
    guard_s: float = 10.0


@dataclass(frozen=True)
class Rig:
    """The sensors of a car and how their files belong together.

    Attributes:
        path: The rig file.
        lidar: The LiDAR.
        cameras: The cameras; there may be none.
        frames: Which sweeps and images make a frame.
        poses: Where the vehicle was; None leaves every frame alone.
        splits: Which scenes train and which validate.
    """

    path: Path
    lidar: Lidar
    cameras: tuple[Camera, ...] = ()
    frames: Frames = field(default_factory=Frames)
    poses: Poses | None = None
    splits: Splits = field(default_factory=Splits)
