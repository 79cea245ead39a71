"""A drawn world, seen by drawn sensors, written as a nuScenes data set."""
