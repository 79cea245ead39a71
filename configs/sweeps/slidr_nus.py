"""SLidR and PPKT on nuScenes: SLidR's linear probe, and fine-tuning on 1 to 100 %.

SLidR's code trains 100 epochs whatever the share of the labels, which is every N-th
scene. Random weights have the learning rate that its authors recommend for them.
"""

about = "SLidR and PPKT on nuScenes"
data = dict(data_root="data/nuscenes")
labels = [1, 5, 10, 20, 50, 100]
seeds = 3
initializations = dict(
    slidr=dict(
        about="SLidR",
        config="configs/slidr/slidr_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_nus.py",
    ),
    ppkt=dict(
        about="PPKT", config="configs/ppkt/ppkt_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_nus.py"
    ),
)
tasks = dict(
    probe=dict(
        about="LiDAR segmentation, linear probe",
        config="configs/lidarseg/lidarseg-probe_minkunet34_1xb16-sgd-cosine-100e_nus.py",
        labels=[100],
    ),
    finetune=dict(
        about="LiDAR segmentation, fine-tuned",
        config="configs/lidarseg/lidarseg-finetune_minkunet34_1xb16-sgd-cosine-100e_nus.py",
        scratch_config="configs/lidarseg/lidarseg-scratch_minkunet34_1xb16-sgd-cosine-100e_nus.py",
        labels_of="scenes",
    ),
)
