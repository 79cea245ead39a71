"""LiDAR and cameras that observe the world by ray casting."""
