"""BEVFusion's map head; configs add the cells and channels of the map."""

mapseg = dict(type="BEVMapSegmentor", data_preprocessor=dict(type="CameraLidarDataPreprocessor"))
map_head = dict(type="BEVMapHead")
