"""One training step: checks of its numbers, and its file."""
