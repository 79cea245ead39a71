"""Configs: reading and checking them, and what the options of a command change."""
