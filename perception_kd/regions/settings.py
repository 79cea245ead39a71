"""What decides the regions of a sweep: one block of numbers, and the data sets' own."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from perception_kd.utils.checks import check_at_least


@dataclass(frozen=True)
class RegionSettings:
    """Thresholds of ground removal, clustering and the filters on clusters.

    The defaults are for nuScenes. Those marked [paper] stand in CALICO [1], the others
    in code that its first author published before (constants of
    ``ops/ground_detection`` and ``ops/semantic_pool``). Heights are above the ground
    as it is under the sensor, in m.

    - [1] CALICO: Self-Supervised Camera-LiDAR Contrastive Pre-training for BEV
      Perception, 2024, https://arxiv.org/abs/2306.00349

    Attributes:
        sensor_height: Of the origin of the points above the ground, in m. The author's
            fit has 1.841 where its filters have 1.84; one value serves both here.
        max_x: Ground is looked for up to this abs(x), in m. What lies beyond is never
            ground.
        slice_length: Along x of the slices that get a plane each, in m.
        min_slice_points: A slice with fewer points has no ground.
        max_depth: Points deeper below the ground than this, in m, are echoes: no plane
            starts from them.
        num_lowest: The mean height of so many lowest points of a slice is where its
            plane starts from.
        seed_height: Points up to this height in m above that mean are the first seeds.
        num_iterations: Times that a plane is fitted and seeds that lie high are
            dropped.
        ground_height: Points less than this above the plane, in m, are ground.
        eps: Points nearer than this as seen from above, in m, are neighbors [paper].
        min_points: Neighbors, itself included, that make a point the core of a cluster
            [paper].
        ego_half_width: A cluster all within this abs(x), or abs(y), in m is dropped:
            the vehicle itself, or a strip along an axis through the sensor.
        min_height: A cluster must rise to this height.
        max_height: A cluster must not rise beyond this height (3.0 m above nuScenes'
            sensor).
        min_side_ratio: Of the short to the long side of the smallest rectangle around
            a cluster as seen from above.
        min_area: Of a cluster's convex hull as seen from above, in m^2.
        max_area: Of the same, in m^2. Buses seen whole are larger, and dropped.

    Raises:
        ValueError: If a number is out of its range.
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

    def __post_init__(self) -> None:
        for name in ("min_slice_points", "num_lowest", "num_iterations", "min_points"):
            check_at_least(name, getattr(self, name), 1)
        for name in ("max_x", "slice_length", "seed_height", "ground_height", "eps"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, but got {getattr(self, name)}.")
        for low, high in (("min_height", "max_height"), ("min_area", "max_area")):
            if not getattr(self, low) <= getattr(self, high):
                raise ValueError(
                    f"{low} must be at most {high}, but got {getattr(self, low)} and "
                    f"{getattr(self, high)}."
                )

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as a cache's manifest has them."""
        return asdict(self)

    def with_values(self, texts: Iterable[str]) -> "RegionSettings":
        """Return settings with some values taken from texts ``name=value``.

        Raises:
            ValueError: If a text has another form, an unknown name or no number.
        """
        types = {name: type(default) for name, default in RegionSettings().as_dict().items()}
        values: dict[str, Any] = {}
        for text in texts:
            name, _, value = text.partition("=")
            if name not in types:
                raise ValueError(
                    f"settings must be name=value with a name of {', '.join(types)}, but got "
                    f"{text!r}."
                )
            try:
                values[name] = types[name](value)
            except ValueError:
                raise ValueError(
                    f"{name} must be of type {types[name].__name__}, but got {value!r}."
                ) from None
        return replace(self, **values)


PRESETS = {
    "nuscenes": RegionSettings(),
    # KITTI's sketch of its vehicle has the Velodyne 1.73 m above the ground.
    "semantickitti": RegionSettings(sensor_height=1.73),
    # Waymo gives points in the vehicle's frame, whose origin is on the ground.
    "waymo": RegionSettings(sensor_height=0.0),
}


def get_preset(dataset: str) -> RegionSettings:
    """Return the settings of a data set.

    Args:
        dataset: Name as in the head of an info file, whatever its case.

    Raises:
        ValueError: If there are none.
    """
    preset = PRESETS.get(dataset.lower())
    if preset is None:
        raise ValueError(f"preset must be one of {', '.join(PRESETS)}, but got {dataset!r}.")
    return preset
