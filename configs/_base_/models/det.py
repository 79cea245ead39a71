"""CenterPoint's head on a map of 0.8 m cells."""

det = dict(type="BEVDetector", data_preprocessor=dict(type="CameraLidarDataPreprocessor"))
center_head = dict(type="BEVCenterHead", cell_size=0.8)
