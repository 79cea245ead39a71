"""Files and tables of a nuScenes data set."""
