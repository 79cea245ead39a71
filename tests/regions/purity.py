"""Agreement of regions with the objects of a drawn world."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_kd.regions.codec import RegionIds
from perception_kd.synthetic.sensors.calibration import LIDAR, mount_sensors
from perception_kd.synthetic.sensors.lidar import RenderedSweep, scan
from perception_kd.synthetic.sensors.rays import RayCaster
from perception_kd.synthetic.world.scene import FIRST_OBJECT_ID, make_scene
from perception_kd.synthetic.world.settings import SyntheticSettings


@dataclass(frozen=True)
class Purity:
    """Regions compared with objects.

    Attributes:
        main_share: Share of a region's points that lie on one object, the one with most
            of them, shape (R,). All ground together is one object.
        is_ground: Whether that object is the ground, shape (R,).
        sizes: Points of each region, shape (R,).
    """

    main_share: NDArray[np.float64]
    is_ground: NDArray[np.bool_]
    sizes: NDArray[np.int64]

    def share_pure(self, least: float = 0.9) -> float:
        """Return the share of regions of which this share lies on one object."""
        return float((self.main_share >= least).mean())

    def by_points(self) -> float:
        """Return the share of the points of regions that lie on their main object."""
        return float(np.average(self.main_share, weights=self.sizes))


def measure_purity(pairs: list[tuple[RegionIds, NDArray[np.int64]]]) -> Purity:
    """Compare the regions of sweeps with what the renderer says each point lies on.

    Args:
        pairs: Region ids and object ids of each sweep, both (N,).
    """
    rows = []
    for region_ids, object_ids in pairs:
        # Sky and the kinds of ground come before the objects.
        things = np.maximum(object_ids, FIRST_OBJECT_ID - 1)
        for region in range(region_ids.max(initial=-1) + 1):
            counts = np.bincount(things[region_ids == region])
            number = counts.sum()
            rows.append((counts.max() / number, counts.argmax() < FIRST_OBJECT_ID, number))
    main_share, is_ground, sizes = (np.array(column) for column in zip(*rows, strict=True))
    return Purity(main_share, is_ground, sizes)


def scan_scene(settings: SyntheticSettings, number: int, times: list[float]) -> list[RenderedSweep]:
    """Return sweeps of a drawn scene, with what each point lies on, and no file."""
    scene = make_scene(settings, number)
    caster = RayCaster(scene)
    mount = mount_sensors(64, 36, np.random.default_rng(number)).sensor2ego[LIDAR]

    def sweep_at(time: float) -> RenderedSweep:
        return scan(
            lambda later: caster.at(time + later),
            scene.weather,
            lambda later: scene.ego2world(time + later) @ mount,
            mount,
            settings.beams,
            settings.azimuths,
            np.random.default_rng(0),
        )

    return [sweep_at(time) for time in times]
