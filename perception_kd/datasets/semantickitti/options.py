"""Options of the conversion of SemanticKITTI."""

from dataclasses import dataclass

from perception_kd.io.point_columns import INTENSITY_COLUMNS, POINT_DTYPES
from perception_kd.utils.checks import check_at_least


@dataclass(frozen=True)
class SequenceOptions:
    """Contents of a sample, and the layout of its points.

    Attributes:
        images: Whether to convert the images of the left color camera.
        num_pts_feats: Number of columns of a point; None means SemanticKITTI's four:
            x, y, z, intensity.
        dtype: Type of a number in the files of points.

    Raises:
        ValueError: If the number is too small, or ``dtype`` is unknown.
    """

    images: bool = True
    num_pts_feats: int | None = None
    dtype: str = "float32"

    def __post_init__(self) -> None:
        check_at_least("num_pts_feats", self.num_columns, 4)
        if self.dtype not in POINT_DTYPES:
            raise ValueError(f"dtype must be one of {', '.join(POINT_DTYPES)}: {self.dtype!r}.")

    @property
    def num_columns(self) -> int:
        """Number of columns of a point."""
        return len(INTENSITY_COLUMNS) if self.num_pts_feats is None else self.num_pts_feats

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns whose meaning is known."""
        return INTENSITY_COLUMNS if self.num_pts_feats is None else INTENSITY_COLUMNS[:3]

    def as_words(self) -> list[str]:
        """Return the options of the command line that differ from the defaults."""
        words = ["--no-cameras"] * (not self.images)
        if self.num_pts_feats is not None:
            words += ["--num-pts-feats", str(self.num_pts_feats)]
        return words + ([] if self.dtype == "float32" else ["--dtype", self.dtype])
