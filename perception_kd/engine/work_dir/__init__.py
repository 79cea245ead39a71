"""Folders of trainings: what they resume from, and what they may replace."""
