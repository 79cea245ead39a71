"""The data set: first block of a sample, selection, random numbers, skipped samples."""

import copy
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mmengine.dataset import pseudo_collate
from mmengine.logging import MMLogger
from torch.utils.data import DataLoader

from perception_kd.datasets.camera_lidar_dataset import CameraLidarDataset
from perception_kd.datasets.nuscenes.labels import NUSCENES_CLASSES
from perception_kd.datasets.seeding import make_rng
from perception_kd.datasets.selection import select_places
from perception_kd.io import shared_bytes
from perception_kd.io.errors import BrokenFileError
from perception_kd.registry import DATASETS
from perception_kd.structures import PointLayout, Sample
from tests.datasets.small_dataset import CAM2IMG, CAMERAS, LIDAR2CAM, make_small_dataset

PIPELINE = [
    dict(type="LoadPoints"),
    dict(type="LoadImages"),
    dict(type="PairPointsWithPixels", shuffle_views=True),
    dict(type="RandomRotateZ"),
    dict(type="RandomResizedCrop", size=(14, 26), min_pairs=2),
    dict(type="RandomFlipImages"),
    dict(type="PackInputs"),
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_small_dataset(tmp_path_factory.mktemp("small"))


@pytest.fixture
def own_root(tmp_path: Path) -> Path:
    return make_small_dataset(tmp_path)


def build(root: Path, **settings: Any) -> CameraLidarDataset:
    config = dict(type="CameraLidarDataset", ann_file="infos.pkl", data_root=str(root))
    # Packing samples as bytes is mmengine's, and ends in a slow collection of garbage.
    return DATASETS.build(config | dict(serialize_data=False) | settings)


def tokens(dataset: CameraLidarDataset) -> list[str]:
    return [dataset.get_data_info(i)["sample_token"] for i in range(len(dataset))]


def test_a_sample_starts_as_documented(root: Path) -> None:
    sample = build(root)[3]
    page = (Path(__file__).parents[2] / "docs" / "sample.md").read_text()
    first_block = page.split("\n## ")[1]
    first_columns = [line.split("|")[1] for line in first_block.splitlines() if "| `" in line]
    assert set(sample) == set(re.findall(r"`(\w+)`", " ".join(first_columns)))
    assert sample["sample_idx"] == 3
    assert sample["sample_token"] == "1-1"
    assert sample["scene_token"] == "token-of-scene-1"
    assert sample["scene_name"] == "scene-1"
    assert sample["timestamp"] == 11
    assert sample["info_root"] == str(root)
    assert sample["lidar_path"] == str(root / "lidar" / "1-1.bin")
    assert sample["lidar_token"] == "LIDAR_TOP-1-1"
    assert sample["point_layout"] == PointLayout(num_columns=5)
    assert sample["pts_semantic_mask_path"] == str(root / "labels" / "1-1.bin")
    assert sample["cam_names"] == ["CAM_FRONT", "CAM_BACK"]
    assert sample["img_tokens"] == ["CAM_FRONT-1-1", "CAM_BACK-1-1"]
    assert sample["img_paths"] == [str(root / camera / "1-1.png") for camera in CAMERAS]
    assert sample["lidar2cam"].dtype == np.float64
    assert sample["lidar2cam"].tolist() == [LIDAR2CAM[camera] for camera in CAMERAS]
    assert sample["cam2img"].tolist() == [CAM2IMG] * 2
    assert sample["label_mapping"][17] == 3  # raw label 17 of nuScenes-lidarseg is a car
    assert [sweep["timestamp"] for sweep in sample["lidar_sweeps"]] == [10.95, 10.9]
    assert sample["lidar_sweeps"][0]["lidar_path"] == str(root / "sweeps" / "1-1.bin")
    assert sample["lidar_sweeps"][0]["sweep2lidar"].shape == (4, 4)


def test_boxes_never_reach_a_sample(root: Path) -> None:
    assert not {"instances", "gt_bboxes_3d", "ann_info", "box_classes"} & set(build(root)[0])


def test_boxes_have_the_requested_classes_in_their_order(root: Path) -> None:
    dataset = build(root, with_boxes=True)
    boxes = dataset[0]["instances"]
    # A car, a truck, an unseen car, an animal, which is nothing to detect.
    assert boxes["labels_3d"].tolist() == [0, 1, 0, -1]
    assert boxes["is_valid"].tolist() == [True, True, False, True]
    assert boxes["num_lidar_pts"].tolist() == [9, 2, 0, 5]
    assert boxes["bboxes_3d"][0].tolist() == [5, 2, 0.5, 4, 2, 1, 0.3, 1, 0]
    assert dataset.get_cat_ids(0) == {0, 1}
    assert dataset[0]["box_classes"][5] == "barrier"
    dataset = build(root, with_boxes=True, metainfo=dict(classes=["truck"]))
    assert dataset[0]["instances"]["labels_3d"].tolist() == [-1, 0, -1, -1]
    assert dataset.get_cat_ids(0) == {0}


def test_metainfo_names_the_classes_of_each_kind_of_label(root: Path) -> None:
    known = build(root).metainfo
    assert known["seg_classes"] == NUSCENES_CLASSES
    assert not {"box_classes", "map_classes"} & set(known)
    masks = dict(
        type="LoadBEVMasks",
        point_cloud_range=[-8, -8, -5, 8, 8, 3],
        cell_size=1.0,
        classes=["walkway"],
    )
    settings = dict(metainfo=dict(classes=["truck"]), pipeline=[masks], label_mapping={17: 0})
    known = build(root, with_boxes=True, **settings).metainfo
    assert known["box_classes"] == ("truck",)
    assert known["map_classes"] == ("walkway",)
    assert "seg_classes" not in known


def test_rejects_classes_that_the_info_file_lacks(root: Path) -> None:
    with pytest.raises(
        ValueError, match=r"metainfo.classes must be categories .* but got \['tram'\]"
    ):
        build(root, with_boxes=True, metainfo=dict(classes=["car", "tram"]))


def test_info_files_may_lie_elsewhere(root: Path, tmp_path: Path) -> None:
    (tmp_path / "infos.pkl").write_bytes((root / "infos.pkl").read_bytes())
    sample = build(root, info_root=str(tmp_path))[0]
    assert sample["info_root"] == str(tmp_path)
    assert Path(sample["lidar_path"]).parent.parent == root


def test_relative_folders_give_absolute_paths(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root.parent)
    sample = build(Path(root.name))[0]
    assert sample["lidar_path"] == str(root / "lidar" / "0-0.bin")


def test_cameras_have_the_requested_order(root: Path) -> None:
    sample = build(root, cameras=["CAM_BACK", "CAM_FRONT"])[0]
    assert sample["img_tokens"] == ["CAM_BACK-0-0", "CAM_FRONT-0-0"]
    assert sample["lidar2cam"].tolist() == [LIDAR2CAM["CAM_BACK"], LIDAR2CAM["CAM_FRONT"]]
    assert build(root, cameras=["CAM_BACK"])[0]["cam2img"].shape == (1, 3, 3)


def test_sweeps_are_limited(root: Path) -> None:
    assert len(build(root, max_sweeps=1)[0]["lidar_sweeps"]) == 1


def test_convention_steps_keep_the_nth_scene_and_first_sample(
    root: Path,
) -> None:
    assert tokens(build(root, scene_step=2)) == ["1-0", "1-1", "3-0", "3-1"]
    assert tokens(build(root, sample_step=3)) == ["0-0", "1-1", "3-0"]
    chosen = build(root, scenes=["scene-3", "scene-0"], scene_step=2)
    assert tokens(chosen) == ["3-0", "3-1"]
    assert tokens(build(root, scenes=["scene-2"], sample_step=2)) == ["2-0"]


def test_a_misspelled_option_is_refused_by_name(root: Path) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'max_refetches'"):
        build(root, max_refetches=3)


def test_a_split_is_chosen_by_name(tmp_path: Path) -> None:
    import pickle

    root = make_small_dataset(tmp_path)
    content = pickle.loads((root / "infos.pkl").read_bytes())
    names = ["scene-0103", "scene-0061", "scene-0916", "scene-0553"]  # by turns val and train
    for sample in content["data_list"]:
        sample["scene_name"] = names[int(sample["scene_name"][-1])]
    (root / "infos.pkl").write_bytes(pickle.dumps(content))
    assert tokens(build(root, scenes="train")) == ["1-0", "1-1", "3-0", "3-1"]
    assert tokens(build(root, scenes="val")) == ["0-0", "0-1", "2-0", "2-1"]


def test_scenes_are_chosen_by_a_list_in_a_file(root: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.txt"
    own.write_text("scene-3\nscene-1\n")
    assert tokens(build(root, scenes=str(own))) == ["1-0", "1-1", "3-0", "3-1"]
    assert tokens(build(root, scenes=str(own), scene_step=2)) == ["3-0", "3-1"]


def test_of_a_list_no_scene_may_be_missing(root: Path) -> None:
    # Another share of the labels than its name says would be trained on.
    with pytest.raises(
        ValueError, match=r"scenes of \w+ must be in the info file, but got scene-0171"
    ):
        build(root, scenes="nuscenes_slidr_1pct")


def test_one_percent_of_semantickitti_is_slidrs_192_scans() -> None:
    # Frames of the sequences 00 to 07, 09 and 10, in the order of their files.
    lengths = (4541, 1101, 4661, 801, 271, 2761, 1101, 1101, 1591, 1201)
    sequences = zip((*range(8), 9, 10), lengths, strict=True)
    names = [f"{sequence:02d}" for sequence, length in sequences for _ in range(length)]
    chosen = select_places({"dataset": "semantickitti"}, names, sample_step=100)
    assert len(chosen) == 192
    assert chosen == list(range(0, len(names), 100))
    assert names[chosen[46]] == "01"  # 4600 = 4541 + 59


def test_label_mapping_replaces_the_default(root: Path) -> None:
    mapping = build(root, label_mapping={0: 1, 300: 2})[0]["label_mapping"]
    assert mapping.shape == (301,)
    assert [mapping[0], mapping[1], mapping[300]] == [1, 255, 2]


def test_metainfo_has_the_classes_of_the_default_mapping_only(root: Path) -> None:
    classes = build(root).metainfo["seg_classes"]
    assert len(classes) == 16
    assert (classes[0], classes[3], classes[15]) == ("barrier", "car", "vegetation")
    assert "seg_classes" not in build(root, label_mapping={0: 1}).metainfo


def test_random_numbers_depend_on_seed_epoch_token_and_stream() -> None:
    def draw(*args: Any) -> int:
        return int(make_rng(*args).integers(2**62))

    assert draw(0, 0, "a") == draw(0, 0, "a")
    others = [draw(1, 0, "a"), draw(0, 1, "a"), draw(0, 0, "b"), draw(0, 0, "a", 1)]
    assert len({draw(0, 0, "a"), *others}) == 5


def load(dataset: CameraLidarDataset, **settings: Any) -> dict[str, Any]:
    """Return the packed inputs by sample token."""
    loader: DataLoader[Any] = DataLoader(
        dataset, batch_size=1, collate_fn=lambda batch: batch[0], **settings
    )
    return {item["data_samples"].sample_token: item["inputs"] for item in loader}


def as_bytes(inputs: dict[str, Any]) -> bytes:
    return b"".join(inputs[key].numpy().tobytes() for key in sorted(inputs))


def test_samples_do_not_depend_on_the_number_of_workers(root: Path) -> None:
    dataset = build(root, pipeline=PIPELINE, serialize_data=True)
    dataset.set_epoch(3)
    alone, shared = load(dataset), load(dataset, num_workers=2)
    assert list(alone) == tokens(dataset)
    assert {k: as_bytes(v) for k, v in alone.items()} == {k: as_bytes(v) for k, v in shared.items()}


@pytest.mark.parametrize("context", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_persistent_workers_see_the_epoch_and_count_skips(own_root: Path, context: str) -> None:
    (own_root / "lidar" / "0-0.bin").unlink()
    dataset = build(own_root, pipeline=PIPELINE, on_error="skip")
    loader: DataLoader[Any] = DataLoader(
        dataset,
        batch_size=1,
        collate_fn=pseudo_collate,
        num_workers=2,
        persistent_workers=True,
        multiprocessing_context=context,
    )
    epochs = []
    for epoch in (0, 1, 0):
        dataset.set_epoch(epoch)
        epochs.append([batch["inputs"]["points"][0].numpy().tobytes() for batch in loader])
    assert epochs[0] == epochs[2]
    assert all(first != second for first, second in zip(epochs[0], epochs[1], strict=True))
    assert dataset.skipped["missing_file"] >= 3


def test_a_copy_counts_for_itself(own_root: Path) -> None:
    (own_root / "lidar" / "0-0.bin").unlink()
    dataset = build(own_root, pipeline=PIPELINE, on_error="skip")
    dataset.set_epoch(5)
    copied = copy.deepcopy(dataset)
    assert dataset[0] is not None
    assert copied.skipped == {}
    assert copied.get_subset([1])[0] is not None


def test_a_missing_file_is_an_error_or_skipped_and_counted(own_root: Path) -> None:
    (own_root / "CAM_BACK" / "1-0.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"No image at .*1-0\.png; check data_root"):
        build(own_root, pipeline=PIPELINE)[2]
    dataset = build(own_root, pipeline=PIPELINE, on_error="skip")
    replacement = dataset[2]["data_samples"].sample_token
    assert replacement != "1-0"
    assert dataset[2]["data_samples"].sample_token == replacement
    assert dataset[0]["data_samples"].sample_token == "0-0"
    assert dataset.skipped["missing_file"] >= 2


def test_a_broken_file_is_an_error_or_skipped_and_counted(own_root: Path) -> None:
    path = own_root / "lidar" / "1-0.bin"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(BrokenFileError, match=r"1-0\.bin must hold rows of 5 float32"):
        build(own_root, pipeline=PIPELINE)[2]
    dataset = build(own_root, pipeline=PIPELINE, on_error="skip")
    assert dataset[2]["data_samples"].sample_token != "1-0"
    assert set(dataset.skipped) == {"broken_file"}


def test_replacements_differ_by_epoch(own_root: Path) -> None:
    (own_root / "lidar" / "0-0.bin").unlink()
    dataset = build(own_root, pipeline=PIPELINE, on_error="skip")
    replacements = []
    for epoch in range(12):
        dataset.set_epoch(epoch)
        replacements.append(dataset[0]["data_samples"].sample_token)
    assert len(set(replacements)) > 2


def test_replacements_have_their_own_generator(root: Path) -> None:
    drawn: list[int] = []

    def refuse_first(sample: Sample) -> Sample | None:
        if sample["sample_token"] != "0-0":
            return sample
        drawn.append(int(sample["rng"].integers(8)))
        return None

    dataset = build(root, pipeline=[refuse_first])
    for repeat in (0, 1):
        drawn.clear()
        replacements = []
        for epoch in range(12):
            dataset.set_epoch(epoch)
            num_before = len(drawn)
            replacements.append(dataset.get_repeat(0, repeat)["sample_idx"])
            del drawn[num_before + 1 :]  # only the first draw of an epoch
        # From one generator they would all agree; by chance, one in eight does.
        agree = [index == number for index, number in zip(replacements, drawn, strict=True)]
        assert sum(agree) < 6


def test_the_entry_of_a_sample_is_read_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = build(root, pipeline=[lambda sample: sample])
    read: list[int] = []
    get_data_info = dataset.get_data_info

    def count(idx: int, repeat: int = 0) -> Sample:
        read.append(idx)
        return get_data_info(idx, repeat)

    monkeypatch.setattr(dataset, "get_data_info", count)
    assert dataset[3]["sample_token"] == "1-1"
    assert read == [3]


def test_an_error_of_the_program_is_never_skipped(root: Path) -> None:
    def fail(sample: Sample) -> Sample:
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        build(root, pipeline=[fail], on_error="skip")[0]


def test_a_sample_with_nothing_left_is_always_replaced(
    root: Path,
) -> None:
    def only_last(sample: Sample) -> Sample | None:
        return sample if sample["sample_token"] == "3-1" else None

    dataset = build(root, pipeline=[only_last])
    assert dataset[0]["sample_token"] == "3-1"
    assert dataset.skipped["nothing_left"] >= 1


def test_no_endless_search_when_nothing_is_ever_left(root: Path) -> None:
    dataset = build(root, pipeline=[lambda sample: None], max_refetch=4)
    with pytest.raises(
        ValueError, match="nothing of sample 0-0 and its replacements, 5 samples in a row"
    ):
        dataset[0]
    assert dataset.skipped == {"nothing_left": 5}


def test_test_samples_are_never_replaced(own_root: Path) -> None:
    (own_root / "lidar" / "0-0.bin").unlink()
    with pytest.raises(FileNotFoundError, match=r"No LiDAR sweep at .*0-0\.bin"):
        build(own_root, pipeline=PIPELINE, on_error="skip", test_mode=True)[0]
    with pytest.raises(ValueError, match="Cannot evaluate sample 0-0: function left nothing"):
        build(own_root, pipeline=[lambda sample: None], test_mode=True)[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(cameras=["CAM_TOP"]), r"cameras must be among \['CAM_FRONT', 'CAM_BACK'\], but got"),
        (dict(scenes=["scene-9"]), "scenes must be in the info file, but got scene-9; it has sc"),
        (dict(scenes="train"), "No sample of the info file is in scenes='train'"),
        (dict(scenes="later"), "split must be one of train, val, .*, but got 'later'"),
        (dict(scenes="nuscenes_slidr_1pc"), "Lists of scenes are .*, nuscenes_slidr_1pct,"),
        (dict(scene_step=100), "scene_step must be at most 4, the number of scenes"),
        (dict(scene_step=0), "scene_step must be a whole number of at least 1, but got 0"),
        (dict(sample_step=1.5), r"sample_step must be a whole number .*, but got 1\.5"),
        (dict(scenes=3), "scenes must be None, a name, or a list of different names, but got 3"),
        (dict(scenes=["scene-1", "scene-1"]), "scenes must be .* different names"),
        (dict(scenes=[1, 2]), r"scenes must be .* names, but got \[1, 2\]"),
        (dict(cameras="CAM_FRONT"), "cameras must be None or a list of different names, but got"),
        (dict(cameras=["CAM_FRONT", "CAM_FRONT"]), "cameras must be .* different names"),
        (dict(max_sweeps=-1), "max_sweeps must be a whole number of at least 0, but got -1"),
        (dict(indices=[0, 0]), r"indices must be .* different indices, but got \[0, 0\]"),
        (dict(indices=[]), "indices must be .* different indices, but got"),
        (dict(indices=[99]), "indices must be below 8, the number of samples, but got 99"),
        (dict(label_mapping={-1: 0}), "label_mapping must be .* from label .0 .. 65535. to class"),
        (dict(label_mapping={1: 0.5}), "label_mapping must be .*, but got {1: 0.5}"),
        (dict(label_mapping={}), "label_mapping must be None, or a dict"),
        (dict(metainfo=dict(classes=["car", "car"])), "metainfo must be .* different names"),
        (dict(metainfo=dict(seg_classes=[])), "metainfo must be .* different names"),
        (dict(on_error="ignore"), 'on_error must be "raise" or "skip", but got \'ignore\''),
        (dict(seed=-1), "seed must be a whole number of at least 0, but got -1"),
    ],
)
def test_rejects_settings_out_of_range(root: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(root, **settings)


def test_a_missing_info_file_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"No info file at .*create_data\.py"):
        build(tmp_path)


def test_what_a_library_refuses_is_told_with_its_sample(tmp_path: Path) -> None:
    def reshape(sample: Any) -> Any:
        np.zeros(5).reshape(9)

    root = make_small_dataset(tmp_path)
    dataset = CameraLidarDataset("infos.pkl", str(root), pipeline=[reshape])
    message = rf"^Sample \S+ \({root}/.*\): cannot reshape array of size 5"
    with pytest.raises(ValueError, match=message) as caught:
        dataset[0]
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize("is_full", [False, True])
def test_processes_share_samples_or_say_why_not(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_full: bool
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shared_bytes, "MIN_SHARED_BYTES", 1)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    warnings: list[str] = []
    monkeypatch.setattr(MMLogger.get_current_instance(), "warning", warnings.append)
    if is_full:
        monkeypatch.setattr(shared_bytes, "write_whole", fail)
    dataset = build(root, serialize_data=True)
    assert isinstance(dataset.data_bytes, np.memmap) == (not is_full)
    assert [text[:12] for text in warnings] == ["Each process"] * is_full
    assert tokens(dataset) == tokens(build(root))
