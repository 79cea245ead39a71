"""Data sets in nuScenes' format that differ from it: converted, or refused by name."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pyquaternion import Quaternion

from perception_kd.datasets.camera_lidar_dataset import CameraLidarDataset
from perception_kd.datasets.conversion import Converted
from perception_kd.datasets.nuscenes.converter import convert_nuscenes
from perception_kd.datasets.nuscenes.labels import NUSCENES_CLASSES
from perception_kd.datasets.nuscenes.options import SceneOptions
from perception_kd.datasets.transforms import LoadPointLabels, LoadPoints
from perception_kd.io.info_file import read_info
from tests.fake_data import make_nuscenes

MINI = "v1.0-mini"
Change = Callable[[dict[str, Any]], Any]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small scenes, two keyframes each, one sweep between them."""
    root = tmp_path_factory.mktemp("own") / "data"
    return make_nuscenes(root, img_size=(18, 32), num_azimuths=36)


@pytest.fixture
def root(original: Path, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(original, tmp_path / "data"))


def read(root: Path, table: str, version: str = MINI) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = json.loads((root / version / f"{table}.json").read_text())
    return records


def write(root: Path, table: str, records: Any) -> None:
    (root / MINI / f"{table}.json").write_text(json.dumps(records))


def edit(root: Path, table: str, change: Change) -> None:
    records = read(root, table)
    for record in records:
        change(record)
    write(root, table, records)


def rewrite_sweeps(root: Path, change: Callable[[Any], Any]) -> None:
    for path in root.glob("s*/LIDAR*/*.bin"):
        np.ascontiguousarray(change(np.fromfile(path, np.float32).reshape(-1, 5))).tofile(path)


def convert(root: Path, version: str = MINI, **settings: Any) -> Converted:
    options = settings.pop("options", SceneOptions())
    settings = {"workers": 0, "progress": False} | settings
    return convert_nuscenes(root, version, root / "infos", options=options, **settings)


def open_split(root: Path, split: str = "train", **settings: Any) -> CameraLidarDataset:
    return CameraLidarDataset(
        f"nuscenes_infos_{split}.pkl", str(root), str(root / "infos"), **settings
    )


# Names of one's own.


def test_sensors_are_found_by_their_modality(root: Path) -> None:
    names = {"LIDAR_TOP": "LIDAR_ROOF", "CAM_FRONT": "WIDE", "CAM_BACK": "REAR"}
    edit(root, "sensor", lambda x: x.update(channel=names.get(x["channel"], x["channel"])))
    info = read_info(convert(root).paths["train"])
    assert list(info["data_list"][0]["images"])[-2:] == ["WIDE", "REAR"]
    assert len(info["data_list"][0]["images"]) == 6
    dataset = open_split(root, pipeline=[LoadPoints()], cameras=["REAR", "WIDE"])
    assert dataset[0]["cam_names"] == ["REAR", "WIDE"]
    assert len(dataset[0]["points"])


def test_sensors_can_be_chosen_and_none_goes_missing_silently(root: Path) -> None:
    options = SceneOptions(cameras=("CAM_BACK", "CAM_FRONT"))
    converted = convert(root, options=options)
    assert list(read_info(converted.paths["val"])["data_list"][0]["images"]) == list(
        options.cameras or ()
    )
    left_out = next(text for text in converted.remarks if text.startswith("Left out sensors"))
    assert "CAM_FRONT_LEFT" in left_out


def test_images_can_be_left_out(root: Path) -> None:
    for folder in root.glob("samples/CAM_*"):
        shutil.rmtree(folder)
    with pytest.raises(FileNotFoundError, match=r"lack files, such as .* --no-cameras"):
        convert(root)
    info = read_info(convert(root, options=SceneOptions(cameras=())).paths["train"])
    assert info["data_list"][0]["images"] == {}
    assert "--no-cameras" in info["metainfo"]["command"]


def add_lidar(root: Path) -> None:
    edit(root, "sensor", lambda x: x["channel"] == "LIDAR_TOP" and x.update(channel="A"))
    second = {"token": "second", "channel": "B", "modality": "lidar"}
    write(root, "sensor", [*read(root, "sensor"), second])


def repeat_channel(root: Path) -> None:
    edit(root, "sensor", lambda x: x["channel"] == "CAM_BACK" and x.update(channel="CAM_FRONT"))


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (add_lidar, {}, "has 2 LiDARs, A, B; choose one with --lidar"),
        (add_lidar, {"lidar": "C"}, "--lidar names C, but .*sensor.json has A, B"),
        (lambda root: None, {"cameras": ("CAM",)}, "--cameras names CAM, but .* CAM_FRONT,"),
        (repeat_channel, {}, r"sensor\.json, .*: another sensor has the channel 'CAM_FRONT' too"),
        (
            lambda root: edit(root, "sensor", lambda x: x.update(modality="radar")),
            {},
            "sensor.json has no sensor whose modality is 'lidar'; it has 'radar'",
        ),
        (
            lambda root: edit(root, "sensor", lambda x: x.update(channel="../" + x["channel"])),
            {},
            r"channel is '\.\./LIDAR_TOP', which cannot name a file",
        ),
    ],
)
def test_sensors_that_cannot_be_chosen_are_named(
    root: Path, change: Callable[[Path], None], options: dict[str, Any], message: str
) -> None:
    change(root)
    with pytest.raises(ValueError, match=message):
        convert(root, options=SceneOptions(**options))


def rename_scenes(root: Path) -> None:
    edit(root, "scene", lambda x: x.update(name=x["name"].replace("scene", "drive")))


def test_own_scenes_and_versions_take_splits_from_a_file(root: Path) -> None:
    rename_scenes(root)
    (root / MINI).rename(root / "v7")
    (root / "lidarseg" / MINI).rename(root / "lidarseg" / "v7")
    labels = root / "v7" / "lidarseg.json"
    labels.write_text(labels.read_text().replace(MINI, "v7"))
    with pytest.raises(ValueError, match=r"v7 is not a version of nuScenes.*splits\.json as"):
        convert(root, "v7")
    splits = {"train": ["drive-0103"], "val": ["drive-0061"]}
    (root / "v7" / "splits.json").write_text(json.dumps(splits))
    assert convert(root, "v7").num_samples == {"train": 2, "val": 2}
    assert open_split(root)[0]["scene_name"] == "drive-0103"


def test_scenes_of_a_split_can_be_given(root: Path) -> None:
    rename_scenes(root)
    with pytest.raises(FileNotFoundError, match=r"None of the 2 scenes .* --train-scenes and"):
        convert(root)
    converted = convert(root, splits={"train": ["drive-0061"]})
    assert converted.num_samples == {"train": 2}
    assert converted.skipped == {"drive-0103": f"in no split of {MINI}"}


def test_a_scene_in_two_splits_is_refused(root: Path) -> None:
    with pytest.raises(ValueError, match="Scene scene-0061 is in the splits train and val"):
        convert(root, splits={"train": ["scene-0061"], "val": ["scene-0061"]})


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"train": "scene"}', '{"../x": ["a"]}'])
def test_broken_files_of_splits_are_named(root: Path, content: str) -> None:
    (root / MINI / "splits.json").write_text(content)
    with pytest.raises(ValueError, match=r"splits\.json"):
        convert(root)


def test_misspelled_names_in_splits_are_named(root: Path) -> None:
    splits = {"training": ["scene-0061"], "val": ["scene-0103", "gone"]}
    (root / MINI / "splits.json").write_text(json.dumps(splits))
    remarks = " ".join(convert(root).remarks)
    assert "1 scenes of the splits are not in" in remarks
    assert "such as gone." in remarks
    assert "Splits that no config reads by default: training;" in remarks


# Labels of one's own.


def test_categories_named_as_classes_are_these_classes(root: Path) -> None:
    names = {"vehicle.car": "car", "human.pedestrian.adult": "pedestrian"}
    edit(root, "category", lambda x: x.update(name=names.get(x["name"], x["name"])))
    convert(root)
    dataset = open_split(root, with_boxes=True)
    classes = dataset.metainfo["box_classes"]
    found = {x for i in range(2) for x in dataset[i]["instances"]["labels_3d"].tolist()}
    assert {classes[x] for x in found} == {"car", "truck", "pedestrian"}


def test_boxes_without_a_class_are_counted_and_named(root: Path) -> None:
    names = {"animal": "beast", "vehicle.car": "animal"}
    edit(root, "category", lambda x: x.update(name=names.get(x["name"], x["name"])))
    converted = convert(root)
    named = [x for x in converted.remarks if x.startswith("Boxes of categories without a class")]
    assert len(named) == 1
    assert "animal (" in named[0]
    classes = open_split(root, with_boxes=True)
    assert -1 in classes[0]["instances"]["labels_3d"]
    with pytest.raises(ValueError, match="has animal, whose boxes have no class"):
        open_split(root, with_boxes=True, metainfo=dict(classes=("animal", "truck")))


def test_boxes_of_own_categories_are_used_when_chosen(root: Path) -> None:
    edit(root, "category", lambda x: x["name"] == "vehicle.car" and x.update(name="kart"))
    converted = convert(root)
    assert any("used only with --classes: kart (" in text for text in converted.remarks)
    by_default = open_split(root, with_boxes=True)[0]["instances"]["labels_3d"]
    dataset = open_split(root, with_boxes=True, metainfo=dict(classes=("truck", "kart")))
    chosen = dataset[0]["instances"]["labels_3d"]
    assert (chosen == 1).any()
    assert set(by_default[chosen == 1].tolist()) == {-1}
    with pytest.raises(ValueError, match=r"which are car, .* kart.*, but got \['tram'\]"):
        open_split(root, with_boxes=True, metainfo=dict(classes=("tram",)))


def test_boxes_of_own_categories_alone_need_a_choice(root: Path) -> None:
    edit(root, "category", lambda x: x.update(name=f"my {x['name']}"))
    convert(root)
    chosen = (
        r"no box has one of the classes car, .* my vehicle.car \(\d+\).*: choose with --classes"
    )
    with pytest.raises(ValueError, match=chosen):
        open_split(root, with_boxes=True)


def test_boxes_that_all_lack_a_class_are_an_error(root: Path) -> None:
    (root / MINI / "lidarseg.json").unlink()
    edit(root, "category", lambda x: x.update(name="animal"))
    with pytest.raises(ValueError, match=r"category\.json: no box has a category with a class"):
        convert(root)
    info = read_info(convert(root, options=SceneOptions(boxes=False)).paths["train"])
    assert info["data_list"][0]["instances"] == []


def test_point_labels_follow_the_table_of_the_data_set(root: Path) -> None:
    # Three classes of one's own, in another order: the road is not a pedestrian.
    table = {x["name"]: x["index"] for x in read(root, "category")}
    write(root, "sample_annotation", [])
    write(root, "instance", [])
    own = {"driveable_surface": 2, "thing": 0, "car": 1}
    rows = [{"token": name, "name": name, "index": index} for name, index in own.items()]
    write(root, "category", rows)
    for path in root.glob("lidarseg/*/*.bin"):
        stored = np.fromfile(path, np.uint8)
        road = stored == table["flat.driveable_surface"]
        (2 * road + (stored == table["vehicle.car"])).astype(np.uint8).tofile(path)
    converted = convert(root)
    assert "Point labels that are used only with --classes: thing." in converted.remarks
    pipeline = [LoadPoints(), LoadPointLabels()]
    dataset = open_split(root, pipeline=pipeline)
    found = set(dataset[0]["pts_semantic_mask"].tolist()) - {255}
    assert {NUSCENES_CLASSES[x] for x in found} == {"driveable_surface", "car"}
    chosen = open_split(root, pipeline=pipeline, metainfo=dict(seg_classes=["thing", "car"]))
    assert set(chosen[0]["pts_semantic_mask"].tolist()) == {0, 1, 255}


def forget_index(root: Path) -> None:
    edit(root, "category", lambda x: x.pop("index"))


def repeat_index(root: Path) -> None:
    edit(root, "category", lambda x: x.update(index=3))


def shrink_table(root: Path) -> None:
    write(root, "category", [x for x in read(root, "category") if x["index"] < 28])


def cut_labels(root: Path) -> None:
    for path in root.glob("lidarseg/*/*.bin"):
        path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (forget_index, r"category\.json, record '\w+': it has no field 'index'"),
        (repeat_index, r"category\.json, record '\w+': another category has the same name or"),
        (shrink_table, r"\.bin has label \d+, but the largest index in .*category\.json is 27"),
        (cut_labels, r"_lidarseg\.bin has \d+ labels of one byte for the \d+ points of"),
    ],
)
def test_tables_that_do_not_fit_the_labels_are_refused(
    root: Path, damage: Callable[[Path], None], message: str
) -> None:
    damage(root)
    with pytest.raises(ValueError, match=message):
        convert(root)


def test_rows_of_labels_without_a_keyframe_are_named(root: Path) -> None:
    rows = read(root, "lidarseg")
    write(root, "lidarseg", [*rows[1:], rows[0] | {"token": "x", "sample_data_token": "x"}])
    remarks = convert(root).remarks
    assert any(x.startswith("1 of 4 keyframes without point labels, such as") for x in remarks)
    assert "1 rows of lidarseg.json belong to no keyframe of LIDAR_TOP, such as x." in remarks


# Layout of points.


def test_a_stated_layout_is_stored_and_read(root: Path) -> None:
    before = convert(root)
    expected = open_split(root, pipeline=[LoadPoints(num_sweeps=2)])[1]["points"]
    assert "dtype" not in read_info(before.paths["train"])["data_list"][0]["lidar_points"]
    rewrite_sweeps(root, lambda x: x[:, :4].astype(np.float64))
    with pytest.raises(ValueError, match=r"; it looks like rows of 4 float64\. .* --num-pts-feats"):
        convert(root)
    converted = convert(root, options=SceneOptions(num_pts_feats=4, dtype="float64"))
    assert (
        "--num-pts-feats 4 --dtype float64"
        in read_info(converted.paths["train"])["metainfo"]["command"]
    )
    dataset = open_split(root, pipeline=[LoadPoints(num_sweeps=2), LoadPointLabels()])
    np.testing.assert_array_equal(dataset[1]["points"], expected)


def test_sweeps_that_are_cut_off_are_counted(root: Path) -> None:
    path = max(root.glob("samples/LIDAR_TOP/scene-0061*"))
    path.write_bytes(path.read_bytes()[:-7])
    labels = root / MINI / "lidarseg.json"
    labels.unlink()
    converted = convert(root)
    assert converted.num_samples == {"train": 1, "val": 2}
    what = f"1 of 6 sweeps left out, which cannot be read, such as {path.relative_to(root)}: it has"
    assert any(text.startswith(what) and "cut off" in text for text in converted.remarks)


def test_a_folder_in_place_of_a_sweep_is_named(root: Path) -> None:
    edit(root, "sample_data", lambda x: x.update(filename=str(Path(x["filename"]).parent)))
    with pytest.raises(FileNotFoundError, match=r"samples/\w+ is a folder; unpack the samples"):
        convert(root)


# Numbers of tables against files and units.


def set_all(table: str, **values: Any) -> Callable[[Path], None]:
    return lambda root: edit(root, table, lambda record: record.update(values))


def scale_times(factor: float, *tables: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        for table in tables:
            edit(root, table, lambda x: x.update(timestamp=x["timestamp"] * factor))

    return change


def shrink_images(root: Path) -> None:
    for path in root.glob("samples/CAM_*/*.jpg"):
        Image.open(path).resize((16, 9)).save(path)


def break_images(root: Path) -> None:
    for path in root.glob("samples/CAM_*/*.jpg"):
        path.write_bytes(b"\xff\xd8 no image")


def set_intrinsics(change: Callable[[Any], None]) -> Callable[[Path], None]:
    def one(record: dict[str, Any]) -> None:
        if record["camera_intrinsic"]:
            change(record["camera_intrinsic"])

    return lambda root: edit(root, "calibrated_sensor", one)


def double_focal(matrix: Any) -> None:
    matrix[0][0] = -matrix[0][0]


def move_center(matrix: Any) -> None:
    matrix[0][2] *= 4


def break_last_row(matrix: Any) -> None:
    matrix[2] = [0, 1, 0]


def set_kilometers(root: Path) -> None:
    edit(root, "ego_pose", lambda x: x.update(translation=[1000 * v for v in x["translation"]]))


NAN = float("nan")
TIMES = ("sample", "sample_data", "ego_pose")
WRONG_NUMBERS: list[tuple[Callable[[Path], None], str]] = [
    (shrink_images, r"sample_data\.json, record .*: width x height is 32 x 18 px, but .* 16 x 9"),
    (break_images, r"\.jpg is broken or not an image"),
    (set_all("sample_data", width=-5), r"sample_data\.json, record .*: width must be an integer"),
    (set_all("sample_data", height=1.5), r"height must be an integer from 0, but it is 1\.5"),
    (scale_times(1000, *TIMES), r"sample_data\.json, .*; times must be .* look like nanoseconds"),
    (scale_times(1e-3, *TIMES), r"look like milliseconds"),
    (scale_times(1e-6, *TIMES), r"look like seconds"),
    (scale_times(1000, "sample"), r"sample\.json, record .*: timestamp is .* s from that of LIDAR"),
    (set_all("sample", timestamp="2018"), r"sample\.json, .*: timestamp must be a time in micro"),
    (set_all("sample_data", timestamp=NAN), r"timestamp must be a time in microseconds"),
    (set_all("ego_pose", rotation=[0, 0, 0, 0]), r"ego_pose\.json, .*: rotation must be a unit"),
    (set_all("ego_pose", rotation=[NAN, 0, 0, 1]), r"rotation must be a unit quaternion"),
    (set_all("ego_pose", rotation=[2, 0, 0, 0]), r"rotation must be a unit quaternion"),
    (set_all("ego_pose", rotation=[10**400, 0, 0, 0]), r"rotation must be a unit quaternion"),
    (set_all("ego_pose", rotation=None), r"rotation must be a unit quaternion"),
    (set_all("ego_pose", translation=[NAN] * 3), r"translation must be a list of 3 finite"),
    (set_all("ego_pose", translation=[1e9, 2, 3]), r"translation must be a position in m"),
    (set_kilometers, r"ego_pose\.json, .*: the ego vehicle moves at .* m/s"),
    (
        set_all("calibrated_sensor", translation=["a"] * 3),
        r"calibrated_sensor\.json, .*translation",
    ),
    (set_all("calibrated_sensor", camera_intrinsic=[[1]]), r"camera_intrinsic must be a 3 x 3"),
    (set_all("calibrated_sensor", camera_intrinsic=[]), r"camera_intrinsic is missing"),
    (set_intrinsics(double_focal), r"camera_intrinsic has a focal length fx of -"),
    (set_intrinsics(move_center), r"principal point at cx = .* outside the image"),
    (set_intrinsics(break_last_row), r"camera_intrinsic must be \[\[fx, s, cx\]"),
    (set_all("sample_annotation", size=[NAN] * 3), r"sample_annotation\.json, .*: size must be"),
    (set_all("sample_annotation", size=[1, -2, 3]), r"size must be width, length and height"),
    (set_all("sample_annotation", num_lidar_pts=-1), r"num_lidar_pts must be an integer from 0"),
]


@pytest.mark.parametrize(("damage", "message"), WRONG_NUMBERS)
def test_numbers_that_cannot_be_right_are_refused(
    root: Path, damage: Callable[[Path], None], message: str
) -> None:
    damage(root)
    with pytest.raises(ValueError, match=message):
        convert(root)
    assert list((root / "infos").iterdir()) == []


def test_fields_that_may_be_missing_may_be_null(root: Path) -> None:
    expected = read_info(convert(root).paths["train"])["data_list"]
    for table in ("sample", "sample_data", "sample_annotation"):
        edit(root, table, lambda x: [x.update({k: x[k] or None}) for k in ("prev", "next")])
    assert read_info(convert(root).paths["train"])["data_list"] == expected


@pytest.mark.parametrize("field", ["height", "width"])
def test_sizes_and_counts_that_tables_lack_are_measured(root: Path, field: str) -> None:
    before = read_info(convert(root).paths["train"])["data_list"]
    edit(root, "sample_data", lambda x: (x.pop("width"), x.pop(field, None)))
    edit(root, "sample_annotation", lambda x: (x.pop("num_lidar_pts"), x.pop("num_radar_pts")))
    after = read_info(convert(root).paths["train"])["data_list"]
    assert after[0]["images"] == before[0]["images"]
    given, counted = (
        np.array([x["num_lidar_pts"] for x in samples[0]["instances"]])
        for samples in (before, after)
    )
    # Points of the made-up street lie on the surface of their box: some just outside.
    assert (counted <= given).all()
    assert counted.sum() > given.sum() / 3


# Tables with missing parts.


def forget(table: str, field: str) -> Callable[[Path], None]:
    return lambda root: edit(root, table, lambda record: record.pop(field))


def drop_first(table: str) -> Callable[[Path], None]:
    return lambda root: write(root, table, read(root, table)[1:])


def drop_last(table: str) -> Callable[[Path], None]:
    return lambda root: write(root, table, read(root, table)[:-1])


def repeat_first(table: str) -> Callable[[Path], None]:
    return lambda root: write(root, table, [*read(root, table), read(root, table)[0]])


def share_token(root: Path) -> None:
    edit(root, "sample_data", lambda x: x.update(token=x["sample_token"], prev="", next=""))


def write_text(table: str, text: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        (root / MINI / f"{table}.json").write_text(text)

    return change


def point_to_itself(field: str) -> Callable[[Path], None]:
    return lambda root: edit(root, "sample_annotation", lambda x: x.update({field: x["token"]}))


def repeat_keyframe(root: Path) -> None:
    frames = read(root, "sample_data")
    first = next(x for x in frames if x["is_key_frame"])
    write(root, "sample_data", [*frames, first | {"token": "again", "prev": ""}])


BROKEN_TABLES: list[tuple[Callable[[Path], None], str]] = [
    (forget("sample", "scene_token"), r"sample\.json, record '\w+': no field 'scene_token'"),
    (forget("sample", "token"), r"sample\.json, record \{.*: no field 'token'"),
    (forget("sample_data", "filename"), r"sample_data\.json, record .* no field 'filename'"),
    (forget("sample_data", "is_key_frame"), r"sample_data\.json, .* no field 'is_key_frame'"),
    (forget("ego_pose", "rotation"), r"ego_pose\.json, .* no field 'rotation'"),
    (forget("sample_annotation", "size"), r"sample_annotation\.json, .* no field 'size'"),
    (forget("scene", "name"), r"scene\.json, .* no field 'name'"),
    (forget("sensor", "modality"), r"sensor\.json, .* no field 'modality'"),
    (drop_first("sample"), r"sample_data\.json, .*: sample_token is .*missing in sample\.json"),
    (drop_first("scene"), r"sample\.json, .*: scene_token is .* missing in scene\.json"),
    (drop_first("ego_pose"), r"sample_data\.json, .*: ego_pose_token is .* ego_pose\.json"),
    (drop_first("instance"), r"sample_annotation\.json, .*: instance_token is .*instance\.json"),
    (drop_first("calibrated_sensor"), r": calibrated_sensor_token is .* calibrated_sensor\.json"),
    (drop_last("sensor"), r"calibrated_sensor\.json, .*: sensor_token is .* sensor\.json"),
    (repeat_first("sample_annotation"), r"sample_annotation\.json, .*: another record has the"),
    (repeat_first("scene"), r"scene\.json, .*: another scene has the same token"),
    (set_all("scene", name="one"), r"scene\.json, .*: another scene has the same name 'one'"),
    (set_all("scene", name="a b"), r"scene\.json, .*: name must be a name without blanks"),
    (share_token, r"sample_data\.json, record '\w+': another record has the same token"),
    (point_to_itself("prev"), r"sample_annotation\.json, .*: prev is .*, which is not earlier"),
    (point_to_itself("next"), r"sample_annotation\.json, .*: next is .*, which is not later"),
    (repeat_keyframe, r"record 'again': another keyframe of \w+ has the sample_token"),
    (write_text("sample", "[{}, 7]"), r"sample\.json"),
    (write_text("scene", "[7]"), r"scene\.json must be a JSON list .* record 0 is '7'"),
    (write_text("scene", ""), r"scene\.json must be a JSON list of records, but it is empty"),
    (write_text("scene", "[]"), r"missing in scene\.json|scene\.json has no scene"),
    (write_text("scene", '[{"a": tru'), r"scene\.json is broken or truncated in record 0"),
    (write_text("scene", "[] []"), r"scene\.json must end after its list of 0 records"),
    (write_text("scene", "[" * 5000), r"scene\.json is broken or truncated in record 0"),
    (write_text("scene", '[{"a": ' + "1" * 6000 + "}]"), r"scene\.json .*too many digits"),
    (write_text("log", '{"a": 1}'), r"log\.json must be a JSON list"),
]


@pytest.mark.parametrize(("damage", "message"), BROKEN_TABLES)
def test_faults_of_tables_name_table_field_and_record(
    root: Path, damage: Callable[[Path], None], message: str
) -> None:
    damage(root)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        convert(root)


def test_tables_that_are_not_read_may_be_missing(root: Path) -> None:
    before = read_info(convert(root).paths["train"])["data_list"]
    shutil.rmtree(root / "maps")
    for table in ("map", "log", "attribute", "visibility"):
        (root / MINI / f"{table}.json").unlink()
    edit(root, "sample", lambda x: (x.pop("prev"), x.pop("next")))
    edit(root, "sample_annotation", lambda x: (x.pop("attribute_tokens"), x.pop("next")))
    edit(root, "sample_annotation", lambda x: x.update(prev=""))
    after = read_info(convert(root).paths["train"])["data_list"]
    assert after[0]["images"] == before[0]["images"]
    assert after[0]["location"] is None


def test_tables_with_a_byte_order_mark_are_read(root: Path) -> None:
    for path in (root / MINI).glob("*.json"):
        path.write_text(path.read_text(), encoding="utf-8-sig")
    assert convert(root).num_samples == {"train": 2, "val": 2}


def test_a_keyframe_without_an_image_has_one_view_less(root: Path) -> None:
    frames = read(root, "sample_data")
    gone = next(x for x in frames if x["is_key_frame"] and "CAM_BACK/" in x["filename"])
    for frame in frames:
        frame["prev"] = "" if frame["prev"] == gone["token"] else frame["prev"]
    write(root, "sample_data", [x for x in frames if x is not gone])
    found = [
        x for x in convert(root).remarks if x.startswith("1 of 4 keyframes without an image of")
    ]
    assert len(found) == 1
    assert gone["sample_token"] in found[0]
    dataset = open_split(root, cameras=["CAM_FRONT", "CAM_BACK"])
    assert [dataset[i]["cam_names"] for i in (0, 1)] == [["CAM_FRONT"], ["CAM_FRONT", "CAM_BACK"]]


def test_a_camera_that_is_mostly_missing_is_an_error(root: Path) -> None:
    for path in sorted(root.glob("samples/CAM_BACK/*.jpg"))[:3]:
        path.unlink()
    with pytest.raises(FileNotFoundError, match="3 of 4 keyframes without an image of CAM_BACK"):
        convert(root)
    cameras = ("CAM_FRONT",)
    assert convert(root, options=SceneOptions(cameras=cameras)).num_samples["train"] == 2


def test_an_earlier_file_of_an_absent_split_is_named(root: Path) -> None:
    convert(root)
    write(root, "scene", read(root, "scene"))
    converted = convert(root, splits={"train": ["scene-0061"], "val": ["gone"]})
    assert any("infos_val.pkl is of an earlier conversion" in text for text in converted.remarks)


# Nothing is written elsewhere.


@pytest.mark.parametrize("name", ["../up", "a/b", "/abs", "drive 1", "", ".", "x" * 300])
@pytest.mark.parametrize("table", ["scene", "sample", "sample_data"])
def test_names_cannot_lead_out_of_the_folder(root: Path, table: str, name: str) -> None:
    records = read(root, table)
    token = records[0]["token"]
    for other in ("scene", "sample", "sample_data", "sample_annotation", "lidarseg"):
        path = root / MINI / f"{other}.json"
        path.write_text(path.read_text().replace(json.dumps(token), json.dumps(name)))
    before = sorted(root.parent.rglob("*"))
    with pytest.raises(ValueError, match=r"cannot name a file|must be a token"):
        convert(root)
    after = [path for path in sorted(root.parent.rglob("*")) if path != root / "infos"]
    assert after == before


@pytest.mark.parametrize("path", ["/etc/passwd", "../../x.bin", "a\\b", "", 3])
def test_paths_cannot_lead_out_of_the_data_set(root: Path, path: Any) -> None:
    edit(root, "sample_data", lambda x: x.update(filename=path))
    with pytest.raises(ValueError, match=r"sample_data\.json, .*: filename must be"):
        convert(root)


# What tables and files say about each other.


def find_frames(root: Path, channel: str, is_key_frame: bool = True) -> list[dict[str, Any]]:
    folder = f"/{channel}/"
    frames = [x for x in read(root, "sample_data") if folder in x["filename"]]
    return [x for x in frames if x["is_key_frame"] is is_key_frame]


def edit_mounts(change: Change) -> Callable[[Path], None]:
    return lambda root: edit(root, "calibrated_sensor", change)


def reorder(record: dict[str, Any]) -> None:
    w, x, y, z = record["rotation"]
    record["rotation"] = [x, y, z, w]


def invert_mount(record: dict[str, Any]) -> None:
    inverse = Quaternion(record["rotation"]).inverse
    record["translation"] = (-inverse.rotate(np.array(record["translation"]))).tolist()
    record["rotation"] = inverse.elements.tolist()


def scale_intrinsics(factor: float) -> Callable[[Path], None]:
    def change(record: dict[str, Any]) -> None:
        if record["camera_intrinsic"]:
            rows = np.array(record["camera_intrinsic"])
            rows[:2] *= factor
            record["camera_intrinsic"] = rows.tolist()

    return edit_mounts(change)


def move_last_pose(root: Path) -> None:
    token = find_frames(root, "LIDAR_TOP")[-1]["ego_pose_token"]
    places = {token: [500.0, 0, 0]}
    change = lambda x: x.update(  # noqa: E731
        translation=np.add(x["translation"], places.get(x["token"], [0, 0, 0])).tolist()
    )
    edit(root, "ego_pose", change)


def scale(field: str, factor: float) -> Change:
    return lambda record: record.update({field: [factor * value for value in record[field]]})


def in_cm(points: Any) -> Any:
    points[:, :3] *= 100
    return points


CONTRADICTIONS: list[tuple[Callable[[Path], None], str]] = [
    (
        scale_intrinsics(0.5),
        r"calibrated_sensor\.json, .* where images of about 16 x 10 px have it",
    ),
    (scale_intrinsics(1.4), r"camera_intrinsic has its principal point .* 46 x 27 px"),
    (edit_mounts(scale("translation", 1000)), r"calibrated_sensor\.json, .* it looks like mm"),
    (edit_mounts(reorder), r"calibrated_sensor\.json, .* rotation: .* in the order x, y, z, w"),
    (edit_mounts(invert_mount), r"calibrated_sensor\.json, .* from the ego vehicle to the sensor"),
    (lambda root: edit(root, "ego_pose", reorder), r"ego_pose\.json, .* (x, y, z, w|is turned by)"),
    (move_last_pose, r"ego_pose\.json, record '\w+': (it is \d+ m away|the ego vehicle moves)"),
    (
        lambda root: rewrite_sweeps(root, in_cm),
        r"pcd\.bin has points \d+ m away; they must be in m",
    ),
    (lambda root: edit(root, "sample_annotation", reorder), r"_annotation\.json, .* x, y, z, w"),
    (
        lambda root: edit(root, "sample_annotation", scale("size", 1000)),
        r"sample_annotation\.json, .*: it is longer than 100 m or thinner than 1 cm, as are",
    ),
    (
        lambda root: edit(root, "sample_annotation", scale("translation", 1000)),
        r"it is farther than 1 km from the ego vehicle, as are \d+ of \d+ boxes",
    ),
]


@pytest.mark.parametrize(("damage", "message"), CONTRADICTIONS)
def test_numbers_that_contradict_each_other_are_refused(
    root: Path, damage: Callable[[Path], None], message: str
) -> None:
    damage(root)
    with pytest.raises(ValueError, match=message):
        convert(root)


def turn_last_camera(root: Path) -> None:
    last = read(root, "calibrated_sensor")[-1]["token"]
    edit(
        root, "calibrated_sensor", lambda x: x["token"] == last and x.update(rotation=[1, 0, 0, 0])
    )


def move_last_box(root: Path) -> None:
    last = read(root, "sample_annotation")[-1]["token"]
    edit(
        root,
        "sample_annotation",
        lambda x: x["token"] == last and x.update(translation=[9e4, 0, 0]),
    )


def spoil_last_sweep(root: Path) -> None:
    path = root / find_frames(root, "LIDAR_TOP", is_key_frame=False)[-1]["filename"]
    size = path.stat().st_size
    path.write_bytes(np.random.default_rng(0).bytes(size))


def empty_last_labels(root: Path) -> None:
    path = root / read(root, "lidarseg")[-1]["filename"]
    path.write_bytes(bytes(path.stat().st_size))


def unlink_last_labels(root: Path) -> None:
    (root / read(root, "lidarseg")[-1]["filename"]).unlink()


def tag_images(root: Path) -> None:
    for path in root.glob("samples/CAM_BACK/*.jpg"):
        image = Image.open(path)
        exif = image.getexif()
        exif[0x0112] = 6
        image.save(path, exif=exif)


DOUBTS: list[tuple[Callable[[Path], None], str]] = [
    (
        scale_intrinsics(1 / 1.4),
        r"2 calibrations of CAM_BACK that look wrong, .* 23 x 14 px, not 32",
    ),
    (turn_last_camera, r"1 calibrations of \w+ that look wrong, .* it is not upright"),
    (move_last_box, r"1 boxes farther than 1 km from the ego vehicle, such as .*annotation\.json"),
    (spoil_last_sweep, r"1 of \d+ sweeps left out, which cannot be read, such as sweeps/LIDAR_TOP"),
    (empty_last_labels, r"1 keyframes whose points all have one label, .*_lidarseg\.bin"),
    (
        unlink_last_labels,
        r"1 of 4 keyframes without point labels, whose file is missing or empty, such as",
    ),
    (tag_images, r"4 images of CAM_BACK with an EXIF orientation, which is ignored: .* 6\)"),
]


@pytest.mark.parametrize(("damage", "message"), DOUBTS)
def test_what_looks_wrong_is_counted_and_named(
    root: Path, damage: Callable[[Path], None], message: str
) -> None:
    damage(root)
    converted = convert(root)
    assert any(re.match(message, text) for text in converted.remarks), converted.remarks
    assert converted.num_samples == {"train": 2, "val": 2}


def test_good_data_gives_no_remark(root: Path) -> None:
    assert convert(root).remarks == []


def test_broken_sweeps_are_passed_over(root: Path) -> None:
    before = read_info(convert(root).paths["val"])["data_list"][-1]["lidar_sweeps"]
    spoil_last_sweep(root)
    after = read_info(convert(root).paths["val"])["data_list"][-1]["lidar_sweeps"]
    assert after == before[1:]


def test_sizes_of_turned_images_are_explained(root: Path) -> None:
    tag_images(root)
    frames = {x["token"] for x in find_frames(root, "CAM_BACK")}
    turn = lambda x: x["token"] in frames and x.update(width=18, height=32)  # noqa: E731
    edit(root, "sample_data", turn)
    with pytest.raises(
        ValueError, match=r"18 x 32 px, but .* its EXIF orientation is ignored: turn"
    ):
        convert(root)
