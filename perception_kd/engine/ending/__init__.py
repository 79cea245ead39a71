"""How a run ends: errors in one line, and signals."""
