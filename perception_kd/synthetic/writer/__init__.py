"""Writes scenes as a nuScenes data set."""
