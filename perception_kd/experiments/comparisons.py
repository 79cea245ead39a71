"""Pre-trainings and protocols of the demo: data, no code.

Add a pre-training to ``PRETRAININGS`` and a protocol to ``PROTOCOLS``.
"""

from perception_kd.experiments.trials import Comparison, Metric, Pretraining, Protocol

PRETRAININGS = {
    "slidr": Pretraining(
        "SLidR",
        "configs/slidr/slidr_efflite0_minkunet-small_1xb2-adamw-cosine-4e_synthetic.py",
        reads=("superpixels",),
    ),
    "prc": Pretraining(
        "PRC",
        "configs/calico/prc_pillar04-small_1xb2-adamw-cosine-8e_synthetic.py",
        reads=("regions",),
    ),
    "rad": Pretraining(
        "PRC + RAD",
        "configs/calico/rad_r18-lss-small_pillar04-small_1xb2-adamw-cosine-8e_synthetic.py",
        reads=("regions",),
        teacher="prc",
    ),
}
LIDARSEG_METRICS = (Metric("mIoU", "lidar_seg/miou", 1.0),)
DET_METRICS = (Metric("NDS", "nuscenes/NDS", 100.0), Metric("mAP", "nuscenes/mAP", 100.0))
MAPSEG_METRICS = (Metric("mIoU", "map/miou_max", 1.0),)
PROTOCOLS = {
    "linear_probe": Protocol(
        "LiDAR segmentation, linear probe",
        "configs/lidarseg/lidarseg-probe_minkunet-small_1xb4-adamw-cosine-10e_synthetic-1of2.py",
        ("slidr",),
        LIDARSEG_METRICS,
    ),
    "finetune_10": Protocol(
        "LiDAR segmentation, 10 % of labels",
        "configs/lidarseg/lidarseg-finetune_minkunet-small_1xb2-adamw-cosine-20e_synthetic-1of10.py",
        ("slidr",),
        LIDARSEG_METRICS,
    ),
    "det_lidar_10": Protocol(
        "LiDAR detection, 10 % of labels",
        "configs/det/det_pillar04-small_1xb2-adamw-cosine-60e_synthetic-1of10.py",
        ("prc",),
        DET_METRICS,
    ),
    "mapseg_probe": Protocol(
        "map segmentation by frozen cameras, all labels",
        "configs/mapseg/mapseg-probe_r18-lss-small_1xb2-adamw-cosine-4e_synthetic.py",
        ("rad",),
        MAPSEG_METRICS,
    ),
    "det_probe": Protocol(
        "LiDAR detection from a frozen map, 10 % of labels",
        "configs/det/det-probe_pillar04-small_1xb2-adamw-cosine-60e_synthetic-1of10.py",
        ("prc",),
        DET_METRICS,
        full=True,
    ),
    "mapseg_camera_10": Protocol(
        "map segmentation by cameras, 10 % of labels",
        "configs/mapseg/mapseg_r18-lss-small_1xb2-adamw-cosine-40e_synthetic-1of10.py",
        ("rad",),
        MAPSEG_METRICS,
        full=True,
    ),
    "det_fusion_10": Protocol(
        "camera + LiDAR detection, 10 % of labels",
        "configs/det/det_r18-lss-small_pillar04-small_1xb2-adamw-cosine-60e_synthetic-1of10.py",
        ("rad",),
        DET_METRICS,
        full=True,
    ),
    "det_lidar_100": Protocol(
        "LiDAR detection, all labels",
        "configs/det/det_pillar04-small_1xb2-adamw-cosine-10e_synthetic.py",
        ("prc",),
        DET_METRICS,
        full=True,
    ),
    "mapseg_camera_100": Protocol(
        "map segmentation by cameras, all labels",
        "configs/mapseg/mapseg_r18-lss-small_1xb2-adamw-cosine-8e_synthetic.py",
        ("rad",),
        MAPSEG_METRICS,
        full=True,
    ),
    "det_fusion_100": Protocol(
        "camera + LiDAR detection, all labels",
        "configs/det/det_r18-lss-small_pillar04-small_1xb2-adamw-cosine-10e_synthetic.py",
        ("rad",),
        DET_METRICS,
        full=True,
    ),
}
DEMO = Comparison(PRETRAININGS, PROTOCOLS)
