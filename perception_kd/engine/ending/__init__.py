"""End of a run: errors in one line, and signals."""
