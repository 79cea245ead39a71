"""Rendered street scenes with camera and LiDAR data, written as a nuScenes data set.

``world`` builds a scene, ``sensors`` render it, ``writer`` writes the files and tables.
"""

from perception_kd.synthetic.world.settings import SyntheticSettings

__all__ = ["SyntheticSettings"]
