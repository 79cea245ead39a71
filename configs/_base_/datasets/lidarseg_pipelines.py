"""Labeled sweeps, augmented as in SLidR; a data set adds the type of its labels."""

load = dict(load_points=dict(type="LoadPoints"), load_labels=dict(type="LoadPointLabels"))
pack = dict(type="PackInputs")
train_pipeline = dict(
    **load,
    rotate=dict(type="RandomRotateZ"),
    flip=dict(type="RandomFlipAxis"),
    pack=pack,
)
test_pipeline = dict(**load, pack=pack)
val_evaluator = dict(type="LidarSegMetric")
test_evaluator = val_evaluator
