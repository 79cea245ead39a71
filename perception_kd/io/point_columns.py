"""Columns and types of numbers in files of points."""

# Names of the columns of nuScenes and of SemanticKITTI.
RING_COLUMNS = ("x", "y", "z", "intensity", "ring")
INTENSITY_COLUMNS = ("x", "y", "z", "intensity")
POINT_DTYPES = ("float32", "float64", "float16")
