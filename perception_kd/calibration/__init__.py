"""Check that the calibration of a camera fits its images and points."""
