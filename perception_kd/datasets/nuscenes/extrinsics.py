"""Find the extrinsics of cameras in the tables of nuScenes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from perception_kd.calibration.extrinsics import Extrinsics
from perception_kd.io.info_writer import InfoExcerpt


def describe_extrinsics(tables: Path, excerpts: Sequence[InfoExcerpt]) -> dict[str, Extrinsics]:
    """Return the source of the extrinsics of each camera.

    Args:
        tables: Folder of the tables.
        excerpts: Samples of the info files.
    """
    return {
        camera: Extrinsics(
            f"{tables / 'calibrated_sensor.json'}, translation and rotation of {camera}",
            "do they lead from the ego vehicle to the camera?",
            "replace them by their inverse: they must lead from the camera to the ego vehicle",
            np.array(sample["lidar_points"]["lidar2ego"]),
        )
        for excerpt in excerpts
        for sample in excerpt.samples
        for camera in sample["images"]
    }
