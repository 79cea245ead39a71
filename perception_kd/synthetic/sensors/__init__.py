"""LiDAR and cameras, rendered by ray casting."""
