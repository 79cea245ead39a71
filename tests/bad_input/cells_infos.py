"""Info files and lists of scenes; ``test_info_checks.py`` has more of their fields."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from perception_kd.datasets.camera_lidar_dataset import CameraLidarDataset
from perception_kd.io.info_file import read_info
from perception_kd.io.info_writer import write_info
from tests.bad_input import damage
from tests.bad_input.table import accepted, refused
from tests.datasets.small_dataset import make_small_dataset

INFO, SCENES = "info file", "list of scenes"


def load(folder: Path, **settings: Any) -> CameraLidarDataset:
    return CameraLidarDataset(
        "infos.pkl", data_root=str(folder), pipeline=[dict(type="LoadPoints")], **settings
    )


def load_damaged(folder: Path, harm: damage.Damage) -> CameraLidarDataset:
    make_small_dataset(folder, num_scenes=2, samples_per_scene=1)
    harm(folder / "infos.pkl")
    return load(folder)


def load_edited(folder: Path, edit: Callable[[dict[str, Any]], Any]) -> CameraLidarDataset:
    make_small_dataset(folder, num_scenes=2, samples_per_scene=1)
    info = read_info(folder / "infos.pkl")
    edit(info)
    write_info(folder / "infos.pkl", info["metainfo"], info["data_list"])
    return load(folder)


def lidar_of(info: dict[str, Any]) -> Any:
    return info["data_list"][1]["lidar_points"]


@refused(
    INFO, "missing", "the command that makes it", r"No info file at .*infos", FileNotFoundError
)
def _(folder: Path) -> None:
    load_damaged(folder, damage.remove)


@refused(INFO, "empty", "the command that makes it", r"infos\.pkl is broken: reading its 0 bytes")
def _(folder: Path) -> None:
    load_damaged(folder, damage.clear)


@refused(INFO, "truncated", "the command that makes it", r"infos\.pkl is broken")
def _(folder: Path) -> None:
    load_damaged(folder, damage.cut)


@refused(INFO, "garbage", "the command that makes it; no code in it runs", r"infos\.pkl is broken")
def _(folder: Path) -> None:
    load_damaged(folder, damage.scramble)


@refused(
    INFO,
    "wrong shape",
    "the sample and its field",
    r"infos\.pkl, sample 1 \('1-0'\): lidar_points\.lidar2ego must be 4x4 numbers",
)
def _(folder: Path) -> None:
    load_edited(folder, lambda info: lidar_of(info).update(lidar2ego=[1.0, 2.0]))


@refused(
    INFO,
    "wrong dtype",
    "the sample and its field",
    r"sample 1 \('1-0'\): lidar_points\.timestamp must be a finite number, but is '12:00'",
)
def _(folder: Path) -> None:
    load_edited(folder, lambda info: lidar_of(info).update(timestamp="12:00"))


@refused(
    INFO,
    "integer above the largest float",
    "the sample and its field",
    r"sample 1 \('1-0'\): lidar_points\.timestamp must be a finite number, but is 1000",
)
def _(folder: Path) -> None:
    load_edited(folder, lambda info: lidar_of(info).update(timestamp=10**400))


@refused(
    INFO,
    "NaN/inf",
    "the sample and its field; only a velocity of NaN is accepted as unknown",
    r"sample 1 \('1-0'\): lidar_points\.ego2global must be a rotation .* nan",
)
def _(folder: Path) -> None:
    load_edited(folder, lambda info: lidar_of(info).update(ego2global=[[float("nan")] * 4] * 4))


@refused(INFO, "huge", "the command that makes it", r"infos\.pkl is broken")
def _(folder: Path) -> None:
    load_damaged(folder, damage.fill_with_zeros)


@refused(INFO, "pickle that asks for gigabytes", "before they are taken", r"infos\.pkl is broken")
def _(folder: Path) -> None:
    load_damaged(folder, damage.put(damage.ask_for_memory()))


@refused(INFO, "other version", "both versions", r"infos\.pkl .* its schema_version is 9, not 1")
def _(folder: Path) -> None:
    load_edited(folder, lambda info: info["metainfo"].update(schema_version=9))


@refused(
    INFO,
    "other data set",
    "the first file that data_root does not have",
    r"No LiDAR sweep at .*other.*; check data_root",
    FileNotFoundError,
)
def _(folder: Path) -> None:
    make_small_dataset(folder, num_scenes=1)
    other = folder / "other"
    other.mkdir()
    CameraLidarDataset(
        "infos.pkl", str(other), info_root=str(folder), pipeline=[dict(type="LoadPoints")]
    )[0]


@refused(INFO, "no samples", "the number of samples", r"infos\.pkl: No sample .* has 0 samples")
def _(folder: Path) -> None:
    load_edited(folder, lambda info: info["data_list"].clear())


@refused(
    INFO,
    "missing field",
    "the sample and its field",
    r"sample 1 \('1-0'\): lidar_points is missing",
)
def _(folder: Path) -> None:
    load_edited(folder, lambda info: info["data_list"][1].pop("lidar_points"))


@refused(INFO, "token that leads elsewhere", "the sample", r"token is '\.\./a', which cannot name")
def _(folder: Path) -> None:
    load_edited(folder, lambda info: info["data_list"][1].update(token="../a"))


@accepted(INFO, "absent camera", "one view less for this sample, with a warning")
def _(folder: Path) -> None:
    dataset = load_edited(folder, lambda info: info["data_list"][1]["images"].pop("CAM_BACK"))
    assert [dataset[i]["cam_names"] for i in range(2)] == [["CAM_FRONT", "CAM_BACK"], ["CAM_FRONT"]]


def select(folder: Path, data: bytes | damage.Damage) -> CameraLidarDataset:
    make_small_dataset(folder, num_scenes=2, samples_per_scene=1)
    path = folder / "own.txt"
    if isinstance(data, bytes):
        path.write_bytes(data)
    else:
        path.write_bytes(b"scene-0\nscene-1\n")
        data(path)
    return load(folder, scenes=str(path))


@refused(
    SCENES, "missing", "the lists that exist", r"No list of scenes at .*own", FileNotFoundError
)
def _(folder: Path) -> None:
    select(folder, damage.remove)


@refused(SCENES, "empty", "the path", r"own\.txt is empty; it must have one scene name per line")
def _(folder: Path) -> None:
    select(folder, damage.clear)


@refused(
    SCENES,
    "truncated",
    "a part of a name is not a scene",
    r"scenes of .*own\.txt must be in the info",
)
def _(folder: Path) -> None:
    select(folder, b"scene-0\nscene")


@refused(SCENES, "garbage", "the path", r"own\.txt is not a (text file|list of scenes)")
def _(folder: Path) -> None:
    select(folder, damage.scramble)


@refused(SCENES, "wrong shape", "names that are not scenes", r"own\.txt must be in the info file")
def _(folder: Path) -> None:
    select(folder, b"scene-0,scene-1\n")


@refused(SCENES, "wrong dtype", "text that is not UTF-8", r"own\.txt is not a (text file|list of)")
def _(folder: Path) -> None:
    select(folder, "scene-0\nscene-1\n".encode("utf-16"))


@refused(SCENES, "NaN/inf", "it is not a scene", r"own\.txt must be in the info file, but got nan")
def _(folder: Path) -> None:
    select(folder, b"nan\n")


@refused(SCENES, "huge", "a file above 16 MiB", r"own\.txt has 1,099,511,627,776 bytes")
def _(folder: Path) -> None:
    select(folder, damage.blow_up)


@refused(
    SCENES, "other version", "scenes that the file lacks", r"own\.txt must be in the info file"
)
def _(folder: Path) -> None:
    select(folder, b"scene-0061\n")


@refused(
    SCENES,
    "other data set",
    "scenes that the file lacks",
    r"own\.txt must be .* has scene-0, scene",
)
def _(folder: Path) -> None:
    select(folder, b"00\n08\n")


@refused(SCENES, "name that occurs twice", "the name", r"own\.txt names scene-0 more than once")
def _(folder: Path) -> None:
    select(folder, b"scene-0\nscene-0\n")


@accepted(SCENES, "line ends and byte-order mark of Windows", "they are not part of the names")
def _(folder: Path) -> None:
    assert len(select(folder, b"\xef\xbb\xbfscene-0\r\nscene-1\r\n")) == 2
