"""Checks of the environment, a data set, its caches and a checkpoint before a run."""
