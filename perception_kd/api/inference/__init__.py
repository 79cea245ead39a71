"""Trained networks as functions of points and images."""
