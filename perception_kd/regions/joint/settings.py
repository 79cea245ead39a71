"""Settings that decide the regions of both sensors."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perception_kd.regions.settings import SLICES, RegionSettings
from perception_kd.superpixels.settings import SlicSettings
from perception_kd.utils.checks import check_at_least

# Those of RegionSettings that decide what is ground.
_GROUND = (
    "sensor_height",
    "max_x",
    "slice_length",
    "min_slice_points",
    "max_depth",
    "num_lowest",
    "seed_height",
    "num_iterations",
    "ground_height",
    "slope_x",
    "slope_y",
    "whole_slices",
)


@dataclass(frozen=True)
class JointSettings:
    """Settings of superpixels, ground, clusters and pieces.

    Attributes:
        slic: Settings of the superpixels that are split.
        ground: Settings, of which only those of the ground count.
        link_distance: Points above the ground that are closer than this in space, in m,
            are of one cluster.
        min_piece_points: Pieces with fewer points are dropped.

    Raises:
        ValueError: If a number is out of range.
    """

    slic: SlicSettings = field(default_factory=SlicSettings)
    ground: RegionSettings = field(default_factory=RegionSettings)
    link_distance: float = 0.5
    min_piece_points: int = 5

    def __post_init__(self) -> None:
        check_at_least("min_piece_points", self.min_piece_points, 1)
        if not self.link_distance > 0:
            raise ValueError(f"link_distance must be positive, but got {self.link_distance}.")

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as a cache's manifest has them."""
        backend = self.ground.ground_backend
        return {
            **self.slic.as_dict(),
            **{name: getattr(self.ground, name) for name in _GROUND},
            # Earlier caches do not have it.
            **({} if backend == SLICES else {"ground_backend": backend}),
            "link_distance": float(self.link_distance),
            "min_piece_points": self.min_piece_points,
        }

    def default_folder(self, info_file: str | Path, kind: str) -> Path:
        """Return the folder of pieces as "superpixels" or "regions" of an info file."""
        return Path(info_file).parent / kind / f"joint_{self.slic.num_segments}"
