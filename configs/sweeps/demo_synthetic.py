"""The networks of `make demo` on 5 to 100 % of the labels of the synthetic world.

There is no published number of epochs for these networks: with few labels they are
trained longer, as in the demo.
"""

_det_fusion = "configs/det/det_r18-lss-small_pillar04-small_1xb2-adamw-cosine"

about = "Label efficiency on synthetic data"
data = dict(synthetic=[])
labels = [5, 10, 20, 50, 100]
seeds = 3
initializations = dict(
    slidr=dict(
        about="SLidR",
        config="configs/slidr/slidr_efflite0_minkunet-small_1xb2-adamw-cosine-4e_synthetic.py",
    ),
    prc=dict(
        about="PRC", config="configs/calico/prc_pillar04-small_1xb2-adamw-cosine-8e_synthetic.py"
    ),
    rad=dict(
        about="PRC + RAD",
        config="configs/calico/rad_r18-lss-small_pillar04-small_1xb2-adamw-cosine-8e_synthetic.py",
        teacher="prc",
    ),
)
tasks = dict(
    probe=dict(
        about="LiDAR segmentation, linear probe",
        config="configs/lidarseg/lidarseg-probe_minkunet-small_1xb4-adamw-cosine-10e_synthetic-1of2.py",
        initializations=["slidr"],
        labels=[100],
    ),
    finetune=dict(
        about="LiDAR segmentation, fine-tuned",
        config="configs/lidarseg/lidarseg-finetune_minkunet-small_1xb2-adamw-cosine-20e_synthetic-1of10.py",
        initializations=["slidr"],
    ),
    det_lidar=dict(
        about="LiDAR detection",
        config={
            10: "configs/det/det_pillar04-small_1xb2-adamw-cosine-60e_synthetic-1of10.py",
            100: "configs/det/det_pillar04-small_1xb2-adamw-cosine-10e_synthetic.py",
        },
        epochs={10: 60, 20: 30, 50: 15, 100: 10},
        initializations=["prc"],
    ),
    det_fusion=dict(
        about="Camera + LiDAR detection",
        config={
            10: f"{_det_fusion}-60e_synthetic-1of10.py",
            100: f"{_det_fusion}-10e_synthetic.py",
        },
        epochs={10: 60, 20: 30, 50: 15, 100: 10},
        initializations=["rad"],
    ),
    maps=dict(
        about="Map segmentation by cameras",
        config={
            10: "configs/mapseg/mapseg_r18-lss-small_1xb2-adamw-cosine-40e_synthetic-1of10.py",
            100: "configs/mapseg/mapseg_r18-lss-small_1xb2-adamw-cosine-8e_synthetic.py",
        },
        epochs={10: 40, 20: 24, 50: 12, 100: 8},
        initializations=["rad"],
    ),
)
