"""Datasets, their catalog, converters and transforms."""
