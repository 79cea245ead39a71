"""Rigid transforms, projections and grids as pure functions."""
