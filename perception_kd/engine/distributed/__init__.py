"""Several processes: their start, and errors when one is lost."""
