"""Helpers that no other folder can own."""
