"""``create_data.py joint_regions`` on a small data set, and what reads its caches."""

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perception_kd.datasets.camera_lidar_dataset import CameraLidarDataset
from perception_kd.datasets.semantickitti.converter import convert_semantickitti
from perception_kd.datasets.transforms import LoadSuperpixels
from perception_kd.engine.commands.create_joint_regions import add_arguments, run
from perception_kd.io.info_file import read_info
from perception_kd.regions.joint import sweep_data
from perception_kd.regions.joint.create import PieceMaker, PointPieceMaker
from perception_kd.regions.joint.pieces import gather_point_regions, label_points, split_superpixels
from perception_kd.regions.joint.settings import JointSettings
from perception_kd.regions.joint.sources import list_viewed_sweeps
from perception_kd.regions.joint.sweep_data import SweepReader
from perception_kd.regions.settings import RegionSettings
from perception_kd.structures import PipelineStep
from perception_kd.superpixels.create import segment_image
from perception_kd.superpixels.settings import SlicSettings

STEPS: list[PipelineStep] = [
    dict(type="LoadPoints"),
    dict(type="LoadImages"),
    dict(type="LoadSuperpixels", cache="superpixels/joint_20", settings=dict(num_segments=20)),
    dict(type="LoadRegions", cache="regions/joint_20", settings={}),
    dict(type="PairPointsWithPixels"),
]


def create(info_file: Path, data_root: Path, *options: str) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words = ["--info", str(info_file), "--data-root", str(data_root), "--workers", "0"]
    words += ["--preview", "1", "--num-segments", "20", "--min-points", "2"]
    run(parser.parse_args([*words, "--settings", "sensor_height=1.73", *options]))


@pytest.fixture(scope="module")
def info_file(fake_semantickitti: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the info file of a folder in which the command was run."""
    folder = tmp_path_factory.mktemp("joint")
    convert_semantickitti(fake_semantickitti, folder, splits={"val": [8]}, progress=False)
    path = folder / "semantickitti_infos_val.pkl"
    create(path, fake_semantickitti)
    return path


def test_both_caches_are_read_by_a_pipeline(info_file: Path, fake_semantickitti: Path) -> None:
    dataset = CameraLidarDataset(
        info_file.name,
        str(fake_semantickitti),
        str(info_file.parent),
        STEPS,
        test_mode=True,
    )
    sample = dataset[0]
    view, row, col = sample["pairing_images"].T
    by_pixel = np.array(
        [sample["superpixels"][v][r, c] for v, r, c in zip(view, row, col, strict=True)]
    )
    by_point = sample["region_ids"][sample["pairing_points"]]
    seen = (by_point >= 0) & (by_pixel >= 0)
    assert seen.mean() > 0.5
    # A region of points is one of pixels, but for points that others hide.
    pairs = np.unique(np.column_stack([by_point, by_pixel])[seen], axis=0, return_counts=True)
    main = {
        int(p): max(c for q, c in zip(*pairs, strict=True) if q[0] == p)
        for p in set(by_point[seen])
    }
    assert sum(main.values()) / seen.sum() > 0.9


def test_entries_are_those_of_the_functions(info_file: Path, fake_semantickitti: Path) -> None:
    settings = JointSettings(
        SlicSettings(num_segments=20), RegionSettings(sensor_height=1.73), min_piece_points=2
    )
    sweep = list_viewed_sweeps(info_file, read_info(info_file), fake_semantickitti)[0]
    data = PointPieceMaker(SweepReader(settings)).read(sweep)
    labels = label_points(data.sweep.points, settings)
    views = []
    for view in data.images:
        whole = segment_image(view.image, settings.slic)
        pieces = split_superpixels(whole, view.pairs.rows_cols, labels[view.pairs.points], 2)
        views.append((view.pairs, pieces))
    expected = gather_point_regions(labels, views, 2)
    with np.load(info_file.parent / "regions/joint_20" / f"{sweep.key}.npz") as stored:
        assert np.array_equal(stored["region_ids"], expected)
    assert (
        PieceMaker(SweepReader(settings)).make(data.images[0])[1]
        == views[0][1].superpixels.max() + 1
    )


def test_manifests_say_how_to_make_the_rest(info_file: Path) -> None:
    for kind in ("superpixels", "regions"):
        folder = info_file.parent / kind / "joint_20"
        manifest = json.loads((folder / "manifest.json").read_text())
        assert manifest["kind"] == kind
        assert manifest["settings"]["num_segments"] == 20
        assert manifest["settings"]["min_piece_points"] == 2
        assert " tools/create_data.py joint_regions --info " in manifest["sources"][0]["command"]
        assert "--link-distance 0.5 --min-points 2" in manifest["sources"][0]["command"]
        assert len(list((folder / "preview").glob("*.png"))) == 1


def test_a_missing_cache_names_the_command(info_file: Path) -> None:
    load = LoadSuperpixels("superpixels/joint_7")
    with pytest.raises(
        ValueError, match=r"create_data.py joint_regions --info .* --num-segments 7"
    ):
        load({"info_root": str(info_file.parent), "imgs": [], "img_tokens": []})


def test_a_folder_that_cannot_be_made_is_named_by_its_option(
    info_file: Path, fake_semantickitti: Path, tmp_path: Path
) -> None:
    with pytest.raises(PermissionError, match="Cannot write to --regions-dir /dev/null/x"):
        create(
            info_file,
            fake_semantickitti,
            "--out-dir",
            str(tmp_path),
            "--regions-dir",
            "/dev/null/x",
        )


def test_one_pass_reads_and_segments_everything_once(
    info_file: Path, fake_semantickitti: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: Counter[str] = Counter()

    def count(name: str) -> None:
        real = getattr(sweep_data, name)

        def counted(*args: Any, **settings: Any) -> Any:
            calls[name] += 1
            return real(*args, **settings)

        monkeypatch.setattr(sweep_data, name, counted)

    for name in ("read_points", "label_points", "segment_image", "split_superpixels"):
        count(name)
    folders = ("--out-dir", f"{tmp_path}/a", "--regions-dir", f"{tmp_path}/b")
    create(info_file, fake_semantickitti, *folders)
    info = read_info(info_file)["data_list"]
    num_images = sum(len(sample["images"]) for sample in info)
    assert calls["read_points"] == calls["label_points"] == len(info)
    assert calls["segment_image"] == calls["split_superpixels"] == num_images
    for folder, kind in (("a", "superpixels"), ("b", "regions")):
        for path in (info_file.parent / kind / "joint_20").glob("*.*[gz]"):
            assert (tmp_path / folder / path.name).read_bytes() == path.read_bytes()
