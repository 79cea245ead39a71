"""Frames, projections and grids: pure functions, one meaning each."""
