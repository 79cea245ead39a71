"""Settings that decide the superpixels of an image."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perception_kd.superpixels.backends import get_backend
from perception_kd.utils.checks import check_at_least


@dataclass(frozen=True)
class SlicSettings:
    """Settings of SLIC.

    Attributes:
        backend: One of ``BACKENDS``, or ``package.module:function`` of your own.
        num_segments: Number of segments to aim at.
        compactness: Weight of spatial distance against color distance.
        sigma: Width of the Gaussian that smooths the image first, in px.

    Raises:
        ValueError: If a number is out of range or the backend is unknown.
    """

    backend: str = "fast"
    num_segments: int = 150
    compactness: float = 6.0
    sigma: float = 3.0

    def __post_init__(self) -> None:
        check_at_least("num_segments", self.num_segments, 1)
        if self.compactness <= 0:
            raise ValueError(f"compactness must be positive, but got {self.compactness}.")
        if self.sigma < 0:
            raise ValueError(f"sigma must not be negative, but got {self.sigma}.")
        get_backend(self.backend)

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as a cache's manifest has them."""
        return {
            "backend": self.backend,
            "num_segments": self.num_segments,
            "compactness": float(self.compactness),
            "sigma": float(self.sigma),
        }

    def default_folder(self, info_file: str | Path) -> Path:
        """Return the folder that the superpixels of an info file go to."""
        name = f"{self.backend.replace(':', '.')}_{self.num_segments}"
        return Path(info_file).parent / "superpixels" / name
