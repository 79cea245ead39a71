"""Caches of a frozen teacher's features: it runs once, and many students train."""
