"""BEVFusion's map head on a map of 0.8 m cells; in_channels is the leaf's."""

model = dict(
    type="BEVMapSegmentor",
    data_preprocessor=dict(type="CameraLidarDataPreprocessor"),
    map_head=dict(
        type="BEVMapHead",
        classes=[
            "drivable_area",
            "ped_crossing",
            "walkway",
            "stop_line",
            "carpark_area",
            "divider",
        ],
        in_range=[-51.2, -51.2, -5.0, 51.2, 51.2, 3.0],
        in_cell_size=0.8,
        out_range=[-50.0, -50.0, -5.0, 50.0, 50.0, 3.0],
        out_cell_size=0.5,
    ),
)
