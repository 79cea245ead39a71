"""Settings of a synthetic data set."""

from dataclasses import asdict, dataclass
from typing import Any

SYNTHETIC_VERSION = "v1.0-mini"

# Training and validation scenes alternate, so that a small data set has both.
SCENE_LOCATIONS = {
    "scene-0061": "singapore-onenorth",
    "scene-0103": "boston-seaport",
    "scene-0553": "boston-seaport",
    "scene-0916": "singapore-queenstown",
    "scene-0655": "boston-seaport",
    "scene-0757": "boston-seaport",
    "scene-0796": "singapore-queenstown",
    "scene-1077": "singapore-hollandvillage",
    "scene-1094": "singapore-hollandvillage",
    "scene-1100": "singapore-hollandvillage",
}
LOCATIONS = (
    "singapore-onenorth",
    "singapore-hollandvillage",
    "singapore-queenstown",
    "boston-seaport",
)
KEYFRAME_PERIOD_S = 0.5


@dataclass(frozen=True)
class SyntheticSettings:
    """Size and seed of a synthetic data set.

    Attributes:
        scenes: Number of scenes, 1..10.
        keyframes: Annotated samples per scene, 0.5 s apart.
        sweeps: LiDAR sweeps between two keyframes.
        width: Width of the images in px.
        height: Height of the images in px.
        beams: Number of LiDAR rings, from -30.67 to 10.67 degrees.
        azimuths: Number of firings per ring and sweep.
        seed: Random seed; the same settings give the same bytes.
    """

    scenes: int = 10
    keyframes: int = 12
    sweeps: int = 2
    width: int = 800
    height: int = 450
    beams: int = 32
    azimuths: int = 1080
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the ranges of the settings.

        Raises:
            ValueError: If a setting is out of range.
        """
        if not 1 <= self.scenes <= len(SCENE_LOCATIONS):
            raise ValueError(
                f"scenes must be in 1..{len(SCENE_LOCATIONS)}, the number of scenes of "
                f"{SYNTHETIC_VERSION}, but got {self.scenes}."
            )
        lowest = {"keyframes": 1, "sweeps": 0, "width": 16, "height": 9}
        for name, low in {**lowest, "beams": 2, "azimuths": 8, "seed": 0}.items():
            if getattr(self, name) < low:
                raise ValueError(f"{name} must be at least {low}, but got {getattr(self, name)}.")

    @property
    def duration(self) -> float:
        """Time from the first to the last keyframe of a scene in s."""
        return (self.keyframes - 1) * KEYFRAME_PERIOD_S

    def scene_names(self) -> list[str]:
        """Return the names of the scenes."""
        return list(SCENE_LOCATIONS)[: self.scenes]

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as a dict."""
        return asdict(self)
