"""Settings that decide the regions of a sweep."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from perception_kd.utils.checks import check_at_least

# Ways to find the ground.
SLICES, PATCHWORKPP = "slices", "patchworkpp"

# Values of settings that are on or off.
_SWITCH = {"True": True, "False": False}


@dataclass(frozen=True)
class RegionSettings:
    """Thresholds of ground removal, clustering and the filters on clusters.

    The defaults are for nuScenes. Those marked [paper] are from CALICO [1], the others
    from earlier code of its first author (constants of ``ops/ground_detection`` and
    ``ops/semantic_pool``). Heights are above the ground below the sensor, in m.

    - [1] CALICO: Self-Supervised Camera-LiDAR Contrastive Pre-training for BEV
      Perception, 2024, https://arxiv.org/abs/2306.00349

    Attributes:
        sensor_height: Height of the LiDAR origin above the ground, in m. The author's
            code uses 1.841 in the fit and 1.84 in the filters; here it is one value.
        slope_x: Rise of the ground along x, per m, as a tilted sensor sees it; it
            is taken off all heights.
        slope_y: The same along y.
        whole_slices: Whether the last slice is as long as the others, as in the
            author's code: 46 to 56 m, beyond ``max_x``.
        ground_backend: "slices", a plane per slice along x, by the settings below; or
            "patchworkpp", Patchwork++ with its own settings and ``sensor_height``.
        max_x: Points with a larger abs(x), in m, are never ground.
        slice_length: Length along x of the slices, each with its own plane, in m.
        min_slice_points: A slice with fewer points has no ground.
        max_depth: Points deeper below the ground than this, in m, are reflections and
            not used to start a plane.
        num_lowest: Number of lowest points of a slice whose mean height is the start
            of its plane.
        seed_height: Points up to this height above that mean, in m, are the first
            seeds.
        num_iterations: Number of times that a plane is fitted and high seeds are
            dropped.
        ground_height: Points less than this above their plane, in m, are ground.
        eps: Points closer than this in BEV, in m, are neighbors [paper].
        min_points: Number of neighbors, itself included, of a core point of a cluster
            [paper].
        ego_half_width: A cluster entirely within this abs(x), or abs(y), in m is
            dropped: the ego vehicle, or a strip along an axis through the sensor.
        min_height: Smallest height of the top of a cluster.
        max_height: Largest height of the top of a cluster (3.0 m above the sensor of
            nuScenes).
        min_side_ratio: Smallest ratio of the short to the long side of the smallest
            rectangle around a cluster in BEV.
        min_area: Smallest BEV area of the convex hull of a cluster, in m^2.
        max_area: Largest BEV area of the convex hull of a cluster, in m^2. Buses that
            are seen completely are larger, and dropped.

    Raises:
        ValueError: If a number is out of range.
    """

    sensor_height: float = 1.84
    max_x: float = 54.0
    slice_length: float = 10.0
    min_slice_points: int = 50
    max_depth: float = 0.5
    num_lowest: int = 50
    seed_height: float = 0.5
    num_iterations: int = 5
    ground_height: float = 0.2
    eps: float = 0.75
    min_points: int = 5
    ego_half_width: float = 1.5
    min_height: float = 0.25
    max_height: float = 4.84
    min_side_ratio: float = 0.1
    min_area: float = 0.25
    max_area: float = 20.0
    slope_x: float = 0.0
    slope_y: float = 0.0
    whole_slices: bool = False
    ground_backend: str = SLICES

    def __post_init__(self) -> None:
        if self.ground_backend not in (SLICES, PATCHWORKPP):
            raise ValueError(
                f"ground_backend must be {SLICES} or {PATCHWORKPP}, but got "
                f"{self.ground_backend!r}."
            )
        for name in ("min_slice_points", "num_lowest", "num_iterations", "min_points"):
            check_at_least(name, getattr(self, name), 1)
        for name in ("max_x", "slice_length", "seed_height", "ground_height", "eps"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, but got {getattr(self, name)}.")
        for name in ("slope_x", "slope_y"):
            if not abs(getattr(self, name)) < 1:
                raise ValueError(f"{name} must be between -1 and 1, but got {getattr(self, name)}.")
        for low, high in (("min_height", "max_height"), ("min_area", "max_area")):
            if not getattr(self, low) <= getattr(self, high):
                raise ValueError(
                    f"{low} must be at most {high}, but got {getattr(self, low)} and "
                    f"{getattr(self, high)}."
                )

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as a cache's manifest has them.

        What earlier caches do not have is left out where it changes nothing.
        """
        later = dict(slope_x=0.0, slope_y=0.0, whole_slices=False, ground_backend=SLICES)
        return {k: v for k, v in asdict(self).items() if k not in later or v != later[k]}

    def with_values(self, texts: Iterable[str]) -> "RegionSettings":
        """Return settings with some values replaced by texts ``name=value``.

        Raises:
            ValueError: If a text has another form, an unknown name or not a number.
        """
        types = {name: type(default) for name, default in asdict(RegionSettings()).items()}
        values: dict[str, Any] = {}
        for text in texts:
            name, _, value = text.partition("=")
            if name not in types:
                raise ValueError(
                    f"settings must be name=value with a name of {', '.join(types)}, but got "
                    f"{text!r}."
                )
            try:
                values[name] = _SWITCH[value] if types[name] is bool else types[name](value)
            except (KeyError, ValueError):
                raise ValueError(
                    f"{name} must be of type {types[name].__name__}, but got {value!r}."
                ) from None
        return replace(self, **values)


# Thresholds by name, where they differ from the defaults. On four real keyframes of
# nuScenes, 12 % of the points in boxes get into regions by the published ones, 58 % by
# "fine".
REGION_THRESHOLDS: dict[str, dict[str, Any]] = {
    "published": {},
    "fine": {"eps": 0.5, "min_area": 0.05, "min_side_ratio": 0.05},
}
