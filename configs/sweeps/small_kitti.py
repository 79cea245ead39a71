"""The small SLidR for two CPU cores on SemanticKITTI: probe, and fine-tuning.

The number of epochs is not published for these networks. A tenth of the labels has five
times the epochs, so half the steps.
"""

_small = "configs/lidarseg/lidarseg-probe_minkunet-small_1xb4-adamw-cosine-20e_kitti.py"

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
    probe=dict(about="LiDAR segmentation, linear probe", config=_small, labels=[100]),
    finetune=dict(
        about="LiDAR segmentation, fine-tuned",
        config=_small,
        options=[
            "model.freeze_backbone=False",
            "optim_wrapper.optimizer.lr=4e-3",
            "optim_wrapper.optimizer.weight_decay=1e-2",
        ],
        epochs={10: 100, 100: 20},
    ),
)
