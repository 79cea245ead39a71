"""The synthetic data set, and settings shared by short trainings on it."""

synthetic = dict(data_root="data/synthetic", info_root="data/synthetic")
synthetic_image_size = (450, 800)
synthetic_loader = dict(batch_size=2, num_workers=1)
# A short training cannot learn streets of any orientation.
straight_streets = dict(rotate=dict(range_deg=(-10.0, 10.0)))
one_sweep = dict(load_points=dict(num_sweeps=1, random_sweeps=False))
# 128 x 352 px of synthetic images; others are first scaled to fit into these.
small_image_size = (128, 352)
small_images_train = dict(
    load_images=dict(type="LoadImages"),
    scale_images=dict(
        type="RandomScaleAndCropImages",
        size=small_image_size,
        scale=(0.4, 0.5),
        scale_for=synthetic_image_size,
        bicubic=False,
    ),
    flip_images=dict(type="RandomFlipImages"),
    rotate_images=None,
)
small_images_test = dict(
    load_images=dict(type="LoadImages"),
    resize_images=dict(
        type="ScaleAndCropImages",
        size=small_image_size,
        scale=0.44,
        scale_for=synthetic_image_size,
        bicubic=False,
    ),
)
