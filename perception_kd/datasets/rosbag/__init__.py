"""ROS bags: listed, and written as a folder of sensor files."""
