"""The head of the small CenterPoint on a frozen map, with the labels of ten keyframes.

Give the pre-training's checkpoint with --pretrained; without it the map is that of the
random initialization, the baseline.
"""

_base_ = ["./lidar-pillar04-small-10pct_1xb2-adamw-cosine-60e_synthetic.py"]

model = dict(freeze_sensors=True)
