"""From a config to a runner, its loops, and runs of networks on data."""
