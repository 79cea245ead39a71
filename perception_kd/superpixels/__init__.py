"""Superpixels of images: algorithms, files, caches and drawing."""
