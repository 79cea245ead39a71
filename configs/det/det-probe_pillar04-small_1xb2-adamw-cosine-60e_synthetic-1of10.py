"""The head of the small CenterPoint on a frozen map, with the labels of ten keyframes.

Pass the pre-trained checkpoint by --pretrained; without it, the map is that of the
random initialization, the baseline.
"""

_base_ = ["./det_pillar04-small_1xb2-adamw-cosine-60e_synthetic-1of10.py"]

model = dict(freeze_sensors=True)
