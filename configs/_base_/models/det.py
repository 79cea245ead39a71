"""CenterPoint's head; configs add the cells and channels of the map."""

det = dict(type="BEVDetector", data_preprocessor=dict(type="CameraLidarDataPreprocessor"))
center_head = dict(type="BEVCenterHead")
