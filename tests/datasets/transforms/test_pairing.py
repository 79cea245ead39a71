"""Pairing: values by hand, naive loops, and the data sets' own tools as oracles."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nuscenes.nuscenes import NuScenes, NuScenesExplorer
from nuscenes.utils.data_classes import LidarPointCloud

from perception_kd.datasets.camera_lidar_dataset import CameraLidarDataset
from perception_kd.datasets.nuscenes.converter import convert_nuscenes
from perception_kd.datasets.semantickitti.converter import convert_semantickitti
from perception_kd.datasets.transforms import PairPointsWithPixels
from perception_kd.geometry.rigid import invert_rigid
from perception_kd.structures import Sample
from tests.datasets.transforms.marked_sample import freeze
from tests.fake_data import make_nuscenes, make_semantickitti

LOADING = [dict(type="LoadPoints"), dict(type="LoadImages"), dict(type="PairPointsWithPixels")]
REAL_DATA = os.environ.get("PERCEPTION_KD_REAL_DATA")
needs_real_data = pytest.mark.skipif(not REAL_DATA, reason="PERCEPTION_KD_REAL_DATA is not set")


def two_views(*positions: tuple[float, float, float]) -> Sample:
    """Return a sample of an 8 x 6 px camera that looks along z, and one along -z."""
    points = np.zeros((len(positions), 5), np.float32)
    points[:, :3] = positions
    cam2img = np.array([[[10.0, 0, 4], [0, 10, v], [0, 0, 1]] for v in (3, 3.25)])
    return freeze(
        {
            "points": points,
            "original_points": np.arange(len(points)),
            "imgs": [np.zeros((6, 8, 3), np.uint8), np.ones((6, 8, 3), np.uint8)],
            "cam_names": ["AHEAD", "BEHIND"],
            "lidar2cam": np.stack([np.eye(4), np.diag([-1.0, 1, -1, 1])]),
            "cam2img": cam2img,
            "rng": np.random.default_rng(0),
        }
    )


def pair(sample: Sample, **settings: Any) -> Sample:
    paired = PairPointsWithPixels(**settings)(sample)
    assert paired is not None
    return paired


def test_convention_pairs_are_sorted_by_view_then_by_point() -> None:
    # At 10 m: u = 4 + x, v = 3 + y ahead; u = 4 - x, v = 3.25 + y behind.
    sample = two_views((2, 1, 10), (-1, -2, -10), (2, -1, -10), (99, 0, 10), (-3, 0, 10))
    paired = pair(sample)
    assert paired["pairing_points"].dtype == paired["pairing_images"].dtype == np.int64
    assert paired["pairing_points"].tolist() == [0, 4, 1, 2]
    expected = [[0, 4, 6], [0, 3, 1], [1, 1, 5], [1, 2, 2]]
    assert paired["pairing_images"].tolist() == expected


def test_convention_pixels_round_to_nearest_with_ties_to_even() -> None:
    # u = 4.5, 5.5 and v = 1.5, 2.5: halves go to 4, 6 and 2, 2.
    paired = pair(two_views((0.5, -1.5, 10), (1.5, -0.5, 10), (0.625, 0.375, 10)))
    assert paired["pairing_images"][:, 1:].tolist() == [[2, 4], [2, 6], [3, 5]]


def test_convention_border_and_minimum_depth_are_exclusive() -> None:
    # u = 0 and 7, v = 0 and 5 lie on the border of the rule; depth 1 is not deep
    # enough.
    sample = two_views((-4, 0, 10), (3, 0, 10), (0, -3, 10), (0, 2, 10), (0, 0, 1), (0, 0, 1.01))
    assert pair(sample)["pairing_points"].tolist() == [5]
    inside = two_views((-3.875, 0, 10), (2.875, 0, 10), (0, -2.875, 10), (0, 1.875, 10))
    assert pair(inside)["pairing_images"][:, 1:].tolist() == [[3, 0], [3, 7], [0, 4], [5, 4]]


def test_the_minimum_depth_can_be_lower() -> None:
    assert pair(two_views((0, 0, 0.6)), min_depth=0.5)["pairing_points"].tolist() == [0]


def test_points_of_earlier_sweeps_are_not_paired() -> None:
    sample: Sample = {
        **two_views((0, 0, 9), (1, 0, 9), (2, 0, 9)),
        "original_points": np.array([4, -1, 7]),
    }
    assert pair(sample)["pairing_points"].tolist() == [0, 2]


def test_no_pair_at_all_gives_empty_arrays() -> None:
    paired = pair(two_views((99, 0, 1)))
    assert paired["pairing_points"].shape == (0,)
    assert paired["pairing_images"].shape == (0, 3)


def test_shuffled_views_stay_true_to_their_cameras() -> None:
    sample = two_views((2, 1, 10), (-1, -2, -10))
    transform = PairPointsWithPixels(shuffle_views=True)
    turned = transform.apply(sample, np.array([1, 0]))
    assert turned["cam_names"] == ["BEHIND", "AHEAD"]
    assert [img[0, 0, 0] for img in turned["imgs"]] == [1, 0]
    for key in ("lidar2cam", "cam2img"):
        assert np.array_equal(turned[key], sample[key][::-1])
    assert turned["pairing_points"].tolist() == [1, 0]
    assert turned["pairing_images"].tolist() == [[0, 1, 5], [1, 4, 6]]
    orders = {tuple(transform.draw(sample, sample["rng"])) for _ in range(20)}
    assert orders == {(0, 1), (1, 0)}


def test_moved_points_are_refused() -> None:
    sample: Sample = {**two_views((0, 0, 9)), "lidar_aug_matrix": np.eye(4)}
    with pytest.raises(ValueError, match="Points were augmented before they were paired"):
        pair(sample)


def test_a_sample_without_images_is_refused() -> None:
    with pytest.raises(ValueError, match="has no images to pair; select cameras"):
        pair(two_views((0, 0, 5)) | {"imgs": []})


def test_a_depth_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="min_depth must be positive, but got 0"):
        PairPointsWithPixels(min_depth=0)


@pytest.fixture(scope="module", params=["made up", pytest.param("real", marks=needs_real_data)])
def nuscenes(request: pytest.FixtureRequest, tmp_path_factory: Any) -> tuple[NuScenes, Path]:
    """Return the devkit's view of a data set and a folder of its info files."""
    folder = tmp_path_factory.mktemp("pairing")
    if request.param == "real":
        root = Path(str(REAL_DATA)) / "nuscenes"
    else:
        root = make_nuscenes(folder / "nuscenes")
    convert_nuscenes(root, "v1.0-mini", folder / "infos", workers=1, progress=False)
    return NuScenes("v1.0-mini", str(root), verbose=False), folder / "infos"


def paired_samples(nuscenes: tuple[NuScenes, Path]) -> Iterator[Sample]:
    nusc, infos = nuscenes
    for path in sorted(infos.glob("*.pkl")):
        dataset = CameraLidarDataset(path.name, nusc.dataroot, str(infos), LOADING)
        yield from (dataset[i] for i in range(len(dataset)))


@pytest.fixture
def devkit(nuscenes: tuple[NuScenes, Path], monkeypatch: pytest.MonkeyPatch) -> NuScenesExplorer:
    # The devkit moves float32 points through global coordinates, whose coordinates of 1
    # km cost it up to 0.06 px. Its code runs unchanged on points in double precision.
    read = LidarPointCloud.from_file

    def read_double(path: str) -> LidarPointCloud:
        cloud = read(path)
        cloud.points = cloud.points.astype(np.float64)
        return cloud

    monkeypatch.setattr(LidarPointCloud, "from_file", read_double)
    return NuScenesExplorer(nuscenes[0])


def compare(sample: Sample, view: int, devkit: NuScenesExplorer) -> tuple[bool, float]:
    """Return whether points and pixels are the devkit's, and the worst error in px.

    The devkit leaves out one more pixel at the left and the top; there ours may have
    more.
    """
    data = devkit.nusc.get("sample", sample["sample_token"])["data"]
    pixels, depth, _ = devkit.map_pointcloud_to_image(
        data["LIDAR_TOP"], data[sample["cam_names"][view]]
    )
    of_view = sample["pairing_images"][:, 0] == view
    points = sample["points"][sample["pairing_points"][of_view], :3].astype(np.float64)
    in_cam = points @ sample["lidar2cam"][view, :3, :3].T + sample["lidar2cam"][view, :3, 3]
    own = in_cam @ sample["cam2img"][view].T
    own_pixels = own[:, :2] / own[:, 2:]
    common = (own_pixels > 1).all(axis=1)
    if common.sum() != len(depth):
        return False, np.inf
    distance = np.abs(own_pixels[common] - pixels[:2].T).max(initial=0)
    row_col = sample["pairing_images"][of_view][common, 1:]
    # A pixel within 0.01 px of a tie may round either way.
    rounded_alike = (np.abs(row_col - pixels[1::-1].T) <= 0.51).all()
    return bool(rounded_alike and distance < 0.01), float(distance)


def test_points_and_pixels_are_those_of_the_devkit(
    nuscenes: tuple[NuScenes, Path], devkit: NuScenesExplorer
) -> None:
    num_pairs = 0
    for sample in paired_samples(nuscenes):
        assert len(sample["imgs"]) == 6
        for view in range(6):
            alike, distance = compare(sample, view, devkit)
            assert alike, (sample["sample_token"], view, distance)
        num_pairs += len(sample["pairing_points"])
    assert num_pairs > 1000


def test_static_extrinsics_differ_from_the_devkit(
    nuscenes: tuple[NuScenes, Path], devkit: NuScenesExplorer
) -> None:
    nusc, _ = nuscenes
    num_different = 0
    for sample in paired_samples(nuscenes):
        data = nusc.get("sample", sample["sample_token"])["data"]
        lidar2ego = sensor2ego(nusc, data["LIDAR_TOP"])
        static = [
            invert_rigid(sensor2ego(nusc, data[name])) @ lidar2ego for name in sample["cam_names"]
        ]
        repaired = pair({**sample, "lidar2cam": np.stack(static)})
        num_different += sum(not compare(repaired, view, devkit)[0] for view in range(6))
    assert num_different >= 12  # at least the six cameras of two samples that move


def sensor2ego(nusc: NuScenes, token: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    record = nusc.get("sample_data", token)
    calibration = nusc.get("calibrated_sensor", record["calibrated_sensor_token"])
    w, x, y, z = calibration["rotation"]
    matrix = np.eye(4)
    matrix[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    matrix[:3, 3] = calibration["translation"]
    return matrix


@pytest.mark.parametrize(
    ("data", "least_share"),
    [
        ("made up", 0.05),
        pytest.param("semantickitti", 0.14, marks=needs_real_data),
        pytest.param("semantickitti_fov", 0.95, marks=needs_real_data),
    ],
)
def test_pairs_of_semantickitti_match_its_projection_matrices(
    tmp_path: Path, data: str, least_share: float
) -> None:
    if data == "made up":
        root = make_semantickitti(tmp_path / "kitti", frames=1)
    else:
        root = Path(str(REAL_DATA)) / data / "dataset"
    convert_semantickitti(root, tmp_path / "infos", progress=False)
    dataset = CameraLidarDataset(
        "semantickitti_infos_train.pkl", str(root), str(tmp_path / "infos"), LOADING, sample_step=5
    )
    for i in range(len(dataset)):
        sample = dataset[i]
        sequence = Path(sample["lidar_path"]).parents[1]
        u, v, depth = project_by_calibration(sequence / "calib.txt", sample["points"])
        height, width = sample["imgs"][0].shape[:2]
        inside = (depth > 1) & (u > 0) & (u < width - 1) & (v > 0) & (v < height - 1)
        assert sample["pairing_points"].tolist() == np.flatnonzero(inside).tolist()
        expected = np.stack([v, u], axis=1)[inside]
        # A projection that is a tie up to rounding errors may go either way.
        assert np.abs(sample["pairing_images"][:, 1:] - expected).max() < 0.5 + 1e-6
        assert inside.sum() >= least_share * len(inside)


def project_by_calibration(path: Path, points: Any) -> Any:
    """Return u, v in px and depth in m by ``P2 @ Tr`` on homogeneous coordinates."""
    lines = dict(line.split(":") for line in path.read_text().splitlines() if line)
    p2, tr = (np.array(lines[name].split(), float).reshape(3, 4) for name in ("P2", "Tr"))
    homogeneous = np.column_stack([points[:, :3], np.ones(len(points))])
    x, y, depth = p2 @ np.vstack([tr, [0, 0, 0, 1]]) @ homogeneous.T
    return x / depth, y / depth, depth
