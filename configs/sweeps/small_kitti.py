"""The small SLidR for two CPU cores on SemanticKITTI: probe, and fine-tuning.

The number of epochs is not published for these networks. A tenth of the labels has five
times the epochs and half the batch size, so as many steps as with all labels.
"""

_probe = "configs/lidarseg/lidarseg-probe_minkunet-small_1xb4-adamw-cosine-20e_kitti.py"
_few = "configs/lidarseg/lidarseg-finetune_minkunet-small_1xb2-adamw-cosine-100e_kitti-1of10.py"
_all = "configs/lidarseg/lidarseg-finetune_minkunet-small_1xb4-adamw-cosine-20e_kitti.py"

about = "Small SLidR on SemanticKITTI"
data = dict(data_root="data/semantickitti")
labels = [10, 100]
seeds = 3
initializations = dict(
    slidr=dict(
        about="SLidR",
        config="configs/slidr/slidr_efflite0_minkunet-small_1xb4-adamw-cosine-12e_kitti.py",
    ),
)
tasks = dict(
    probe=dict(about="LiDAR segmentation, linear probe", config=_probe, labels=[100]),
    finetune=dict(about="LiDAR segmentation, fine-tuned", config={10: _few, 100: _all}),
)
