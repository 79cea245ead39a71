"""What the demo pre-trains, and how it is judged: data, no code.

A further pre-training is an entry of ``PRETRAININGS``, a further way to judge it an
entry of ``PROTOCOLS``.
"""

from typing import NamedTuple

RANDOM = "random"


class Pretraining(NamedTuple):
    """A pre-training without labels.

    Attributes:
        about: Its name for a reader.
        config: Of ``tools/train.py``.
        reads: Stages that it reads from, besides the data set and its info files.
        teacher: Key of the pre-training whose network teaches it; empty for none.
    """

    about: str
    config: str
    reads: tuple[str, ...]
    teacher: str = ""


class Metric(NamedTuple):
    """A score in which more is better.

    Attributes:
        name: For a reader.
        key: As ``tools/test.py`` writes it.
        scale: What makes it a percentage.
    """

    name: str
    key: str
    scale: float


class Protocol(NamedTuple):
    """A way to judge pre-trained weights, the same for every arm.

    Attributes:
        about: Its name for a reader.
        config: Of ``tools/train.py`` and ``tools/test.py``.
        pretrainings: What it judges, beside random weights: keys of ``PRETRAININGS``.
        metrics: What is scored, the first one above all.
        full: Whether only the full demo runs it.
    """

    about: str
    config: str
    pretrainings: tuple[str, ...]
    metrics: tuple[Metric, ...]
    full: bool = False

    @property
    def arms(self) -> tuple[str, ...]:
        """Keys of ``ARMS`` that are compared."""
        return (RANDOM, *self.pretrainings)


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
ARMS = {RANDOM: "random init", **{name: p.about for name, p in PRETRAININGS.items()}}
