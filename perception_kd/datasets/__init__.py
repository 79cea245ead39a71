"""Data sets, their converters, splits and transforms."""
