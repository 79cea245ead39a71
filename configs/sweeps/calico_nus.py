"""PRC and RAD on nuScenes: detection by LiDAR, cameras and both, and maps.

CALICO trains 20 epochs whatever the share of the labels. It publishes 5, 10, 20 and
50 %, every 20th to every second scene from the first one.
"""

about = "PRC and RAD on nuScenes"
data = dict(data_root="data/nuscenes")
labels = [5, 10, 20, 50, 100]
seeds = 3
initializations = dict(
    prc=dict(about="PRC", config="configs/calico/prc_pillar02_8xb4-cyclic-20e_nus.py"),
    rad=dict(
        about="PRC + RAD",
        config="configs/calico/rad_swint-lss_pillar02_8xb4-cyclic-20e_nus.py",
        teacher="prc",
    ),
)
tasks = dict(
    det_lidar=dict(
        about="LiDAR detection",
        config="configs/det/det_pillar02_8xb4-cyclic-20e_nus.py",
        initializations=["prc"],
        labels_of="nuscenes_calico",
    ),
    det_camera=dict(
        about="Camera detection",
        config="configs/det/det_swint-lss_8xb4-cyclic-20e_nus.py",
        initializations=["rad"],
        labels_of="nuscenes_calico",
    ),
    det_fusion=dict(
        about="Camera + LiDAR detection",
        config="configs/det/det_swint-lss_pillar02_8xb4-cyclic-20e_nus.py",
        initializations=["rad"],
        labels_of="nuscenes_calico",
    ),
    maps=dict(
        about="Map segmentation by cameras",
        config="configs/mapseg/mapseg_swint-lss_8xb4-cyclic-20e_nus.py",
        initializations=["rad"],
        labels_of="nuscenes_calico",
    ),
)
