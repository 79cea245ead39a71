"""SLidR and PPKT on SemanticKITTI: fine-tuning on 1 to 100 % of the scans.

SLidR publishes 1 %, every hundredth scan, with 100 epochs, which all shares have here.
"""

about = "SLidR and PPKT on SemanticKITTI"
data = dict(data_root="data/semantickitti")
labels = [1, 5, 10, 20, 50, 100]
seeds = 3
initializations = dict(
    slidr=dict(
        about="SLidR",
        config="configs/slidr/slidr_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_kitti.py",
    ),
    ppkt=dict(
        about="PPKT", config="configs/ppkt/ppkt_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_kitti.py"
    ),
)
tasks = dict(
    finetune=dict(
        about="LiDAR segmentation, fine-tuned",
        config="configs/lidarseg/lidarseg-finetune_minkunet34_1xb10-sgd-cosine-100e_kitti.py",
        scratch_config="configs/lidarseg/lidarseg-scratch_minkunet34_1xb10-sgd-cosine-100e_kitti.py",
    ),
)
