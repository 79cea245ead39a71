"""Other losses and heads for SLidR and PPKT with an EfficientNet-Lite0 at stride 16."""

# No negatives. The teacher's 112 channels as they are: a head that learns would make
# all features equal.
_fixed_teacher = dict(img_head=dict(out_channels=None), pts_head=dict(out_channels=112))
cosine = dict(_fixed_teacher, loss_contrast=dict(_delete_=True, type="CosineDistanceLoss"))
norm = dict(
    _fixed_teacher, loss_contrast=dict(_delete_=True, type="CosineDistanceLoss", form="norm")
)
# ST-SLidR, with its settings.
tolerant = dict(pair_weights=dict(type="SemanticTolerance"))
# No two pieces of one object are negatives of each other.
places = dict(
    pair_weights=dict(type="OtherPlaces", min_distance=10.0),
    loss_contrast=dict(excluded="minus_inf"),
)
# A head of the student that is thrown away.
mlp = dict(pts_head=dict(hidden_channels=(128,)))
