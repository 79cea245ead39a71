"""Any car's recording: a folder of sensor files, described by a rig file."""
