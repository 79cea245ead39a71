"""A drawn world, seen by drawn sensors, written as a nuScenes data set."""

from perception_kd.synthetic.settings import SyntheticSettings

__all__ = ["SyntheticSettings"]
