"""Regions: groups of points of a sweep that lie on one object, found without labels."""
