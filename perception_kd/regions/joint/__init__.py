"""Regions of both sensors: superpixels split by the clusters of the LiDAR."""
