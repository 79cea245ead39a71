"""Caches: files computed once, and the commands that fill them."""
