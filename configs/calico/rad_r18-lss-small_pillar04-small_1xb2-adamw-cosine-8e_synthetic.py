"""RAD from small PointPillars to a small ResNet on synthetic data: `make demo` runs it.

Needs the teacher trained by ``prc_pillar04-small_1xb2-adamw-cosine-8e_synthetic``:
``--cfg-options model.teacher_checkpoint=...``.
"""

_base_ = [
    "../_base_/datasets/nuscenes_regions_cameras.py",
    "../_base_/synthetic.py",
    "../_base_/models/pts_pillar04_small.py",
    "../_base_/models/img_r18_lss_small.py",
    "../_base_/models/calico.py",
    "../_base_/schedules/adamw_cosine_1xb2.py",
    "../_base_/default_runtime.py",
]

model = dict(
    **_base_.rad,
    grid=_base_.bev_grid,
    **_base_.pts_pillar04_small,
    **_base_.img_r18_lss_small,
    pts_projector=dict(**_base_.projector, in_channels=_base_.pts_pillar04_small_channels),
    img_projector=dict(**_base_.projector, in_channels=_base_.img_r18_lss_small_channels),
)

steps_train = dict(**_base_.one_sweep, **_base_.small_images_train)
steps_test = dict(**_base_.one_sweep, **_base_.small_images_test)
train_dataloader = dict(
    **_base_.synthetic_loader, dataset=dict(**_base_.synthetic, pipeline=steps_train)
)
val_dataloader = dict(
    **_base_.synthetic_loader, dataset=dict(**_base_.synthetic, pipeline=steps_test)
)
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(lr=2e-3))
train_cfg = dict(max_epochs=8, val_interval=8)
