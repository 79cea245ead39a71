"""Real recordings on which benchmarks run, where there are some."""

REAL_DATA = "PERCEPTION_KD_REAL_DATA"
"""Variable of the environment that names their folder."""
