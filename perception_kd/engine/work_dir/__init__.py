"""Folders of trainings: what they resume from, and their locks."""
