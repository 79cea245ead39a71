"""A smoke test of a few minutes: tiny data, one epoch, meaningless scores."""

about = "Smoke test of a sweep"
data = dict(
    synthetic=["--scenes", "2", "--keyframes", "3", "--sweeps", "1", "--image-size", "320x180"],
    data_root="data/synthetic_tiny",
)
labels = [50, 100]
seeds = 2
initializations = dict(
    slidr=dict(
        about="SLidR",
        config="configs/slidr/slidr_efflite0_minkunet-small_1xb2-adamw-cosine-4e_synthetic.py",
        epochs=1,
    ),
)
tasks = dict(
    finetune=dict(
        about="LiDAR segmentation",
        config="configs/lidarseg/lidarseg-finetune_minkunet-small_1xb2-adamw-cosine-20e_synthetic-1of10.py",
        epochs=1,
    ),
)
