"""Decoders of files of points, one module for each format."""
