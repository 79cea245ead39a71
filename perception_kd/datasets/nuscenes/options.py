"""Options of the conversion of nuScenes."""

from dataclasses import dataclass

from perception_kd.io.point_columns import POINT_DTYPES, RING_COLUMNS
from perception_kd.utils.checks import check_at_least


@dataclass(frozen=True)
class SceneOptions:
    """Contents of a sample, and where the tables leave them open.

    Attributes:
        max_sweeps: Largest number of LiDAR sweeps before a keyframe.
        max_camera_sweeps: Largest number of earlier images per camera.
        camera_boxes: Add the boxes per camera that monocular detectors train on.
        boxes: Whether to convert the annotated boxes.
        lidar: Channel of the LiDAR; None means nuScenes' or, without it, the only one.
        cameras: Channels of the cameras; None means all.
        num_pts_feats: Number of columns of a point; None means nuScenes' five: x, y, z,
            intensity, ring.
        dtype: Type of a number in the files of points.
        strict: Whether a missing file of a keyframe is an error; otherwise a keyframe
            without its sweep is left out, and one without an image has one view less.
        split_words: Options of the command line that name the scenes of splits.

    Raises:
        ValueError: If a number is too small, or ``dtype`` is unknown.
    """

    max_sweeps: int = 10
    max_camera_sweeps: int = 6
    camera_boxes: bool = False
    boxes: bool = True
    lidar: str | None = None
    cameras: tuple[str, ...] | None = None
    num_pts_feats: int | None = None
    dtype: str = "float32"
    strict: bool = False
    split_words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_at_least("max_sweeps", self.max_sweeps, 0)
        check_at_least("max_camera_sweeps", self.max_camera_sweeps, 0)
        check_at_least("num_pts_feats", self.num_columns, 4)
        if self.dtype not in POINT_DTYPES:
            raise ValueError(f"dtype must be one of {', '.join(POINT_DTYPES)}: {self.dtype!r}.")

    @property
    def num_columns(self) -> int:
        """Number of columns of a point."""
        return len(RING_COLUMNS) if self.num_pts_feats is None else self.num_pts_feats

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns whose meaning is known."""
        return RING_COLUMNS if self.num_pts_feats is None else RING_COLUMNS[:3]

    def as_words(self) -> list[str]:
        """Return the options of the command line that decide the content of files."""
        words = ["--max-sweeps", str(self.max_sweeps)]
        words += ["--max-camera-sweeps", str(self.max_camera_sweeps)]
        words += ["--camera-boxes"] * self.camera_boxes + ["--no-boxes"] * (not self.boxes)
        words += [] if self.lidar is None else ["--lidar", self.lidar]
        if self.cameras is not None:
            words += ["--cameras", *self.cameras] if self.cameras else ["--no-cameras"]
        if self.num_pts_feats is not None:
            words += ["--num-pts-feats", str(self.num_pts_feats)]
        words += [] if self.dtype == "float32" else ["--dtype", self.dtype]
        return [*words, *self.split_words]
