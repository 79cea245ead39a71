"""Checkpoints with random weights, as for perception_kd.load."""

from tests.api.conftest import trained

__all__ = ["trained"]
