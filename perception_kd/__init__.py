"""Label-free pre-training of camera and LiDAR perception networks."""

__version__ = "0.2.0"
