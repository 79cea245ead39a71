"""BEVFusion's map head on a map of 0.8 m cells."""

mapseg = dict(type="BEVMapSegmentor", data_preprocessor=dict(type="CameraLidarDataPreprocessor"))
map_head = dict(
    type="BEVMapHead",
    in_range=[-51.2, -51.2, -5.0, 51.2, 51.2, 3.0],
    in_cell_size=0.8,
)
