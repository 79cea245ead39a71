"""Numbers and names that folders and bags have in common."""

RIG = "rig.yaml"  # name of the file that describes a folder's sensors
KISS_ICP = "kiss-icp"  # a source of poses
TOLERANCE_S = 0.05  # longest time between a sweep and an image
SCENE_GAP_S = 5.0  # a longer pause between sweeps begins another scene
MAX_POSE_GAP_S = 1.0  # longest time between two poses that is interpolated
# Clocks jitter: a sweep a little early still counts.
EARLY = 0.95
