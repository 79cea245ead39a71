"""Files that people write: rig files, poses and splits."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from perception_kd.datasets.folder.file_lists import SensorFile
from perception_kd.datasets.folder.poses import Trajectory, read_trajectory
from perception_kd.datasets.folder.rig import Poses, Rig
from perception_kd.datasets.folder.rig_file import read_rig
from perception_kd.datasets.nuscenes.scene_splits import choose_splits, find_unknown
from tests.bad_input import damage
from tests.bad_input.table import accepted, not_applicable, refused
from tests.datasets.folder.drives import rig_content

RIG, POSES, SPLITS = "rig file", "file of poses", "splits.json"
NO_VERSION = "the files have no version"


def rig(folder: Path, harm: damage.Damage = damage.spare, **changes: Any) -> Rig:
    path = folder / "rig.yaml"
    path.write_text(yaml.safe_dump(rig_content() | changes, sort_keys=False))
    harm(path)
    return read_rig(path)


@refused(RIG, "missing", "the path, and the option that drafts one", r"No rig", FileNotFoundError)
def _(folder: Path) -> None:
    assert rig(folder).cameras
    rig(folder, damage.remove)


@refused(RIG, "empty", "the path", r"rig\.yaml.* must be .*keys")
def _(folder: Path) -> None:
    rig(folder, damage.clear)


@refused(RIG, "truncated", "the path, and line or key", r"rig\.yaml")
def _(folder: Path) -> None:
    rig(folder, damage.cut)


@refused(RIG, "garbage", "the path", r"rig\.yaml is not YAML")
def _(folder: Path) -> None:
    rig(folder, damage.scramble)


@refused(RIG, "wrong shape", "the key", r"rig\.yaml.*lidar")
def _(folder: Path) -> None:
    rig(folder, lidar=[1, 2])


@refused(RIG, "wrong dtype", "the key", r"rig\.yaml: frames\.every_s")
def _(folder: Path) -> None:
    rig(folder, frames={"every_s": "often"})


@refused(RIG, "NaN/inf", "the key", r"rig\.yaml: frames\.every_s")
def _(folder: Path) -> None:
    rig(folder, frames={"every_s": float("nan")})


@refused(RIG, "huge", "a file above 4 MiB", r"rig\.yaml has 1,099,511,627,776 bytes")
def _(folder: Path) -> None:
    rig(folder, damage.blow_up)


@refused(RIG, "other version", "a key that is unknown", r"rig\.yaml.*wheels")
def _(folder: Path) -> None:
    rig(folder, wheels=4)


not_applicable(RIG, "other data set", "files that it names and that do not exist are refused then")

SWEEPS = [SensorFile(f"{time}.bin", 100.0 + time) for time in range(6)]
ROWS = [[100.0 + i, 2.0 * i, 0, 0, 0, 0, 0, 1] for i in range(6)]


def poses(
    folder: Path, rows: Any = ROWS, harm: damage.Damage = damage.spare, form: str = "tum"
) -> Trajectory:
    path = folder / "poses.txt"
    path.write_text("".join(" ".join(map(str, row)) + "\n" for row in rows))
    harm(path)
    where = "rig.yaml: poses"
    return read_trajectory(Poses(form, file=path.name), folder, "", SWEEPS, np.eye(4), where)


def change_row(place: int, value: Any) -> Any:
    return [*ROWS[:3], [value if i == place else x for i, x in enumerate(ROWS[3])], *ROWS[4:]]


@refused(POSES, "missing", "the path", r"poses\.txt; .*poses\.file", FileNotFoundError)
def _(folder: Path) -> None:
    assert poses(folder).ego2global(103.0) is not None
    poses(folder, harm=damage.remove)


@refused(POSES, "empty", "the path", r"poses\.txt")
def _(folder: Path) -> None:
    poses(folder, harm=damage.clear)


@refused(POSES, "truncated", "the row", r"row 6 of .*poses\.txt must be 8 numbers")
def _(folder: Path) -> None:
    poses(folder, harm=lambda path: path.write_bytes(path.read_bytes()[:-4]))


@refused(POSES, "garbage", "the path", r"poses\.txt")
def _(folder: Path) -> None:
    poses(folder, harm=damage.scramble)


@refused(POSES, "wrong shape", "the row", r"row 1 of .*poses\.txt must be 8 numbers")
def _(folder: Path) -> None:
    poses(folder, [row[:7] for row in ROWS])


@refused(POSES, "wrong dtype", "the row", r"row 4 of .*poses\.txt must be 8 numbers")
def _(folder: Path) -> None:
    poses(folder, change_row(2, "left"))


@refused(POSES, "NaN/inf", "the row", r"row 4 of .*poses\.txt must be 8 numbers")
def _(folder: Path) -> None:
    poses(folder, change_row(3, "nan"))


@refused(POSES, "huge", "the path", r"poses\.txt")
def _(folder: Path) -> None:
    poses(folder, harm=damage.blow_up)


@refused(POSES, "other version", "another format of poses", r"row 1 of .*must be 12 numbers|lines")
def _(folder: Path) -> None:
    poses(folder, form="kitti")


@refused(POSES, "other data set", "times without a sweep", r"no sweep is between poses of .*txt")
def _(folder: Path) -> None:
    poses(folder, [[row[0] + 1000, *row[1:]] for row in ROWS])


@refused(POSES, "a quaternion of another length", "the row", r"row 4 of .*quaternion of length 2")
def _(folder: Path) -> None:
    poses(folder, change_row(7, 2))


def splits(folder: Path, content: Any, harm: damage.Damage = damage.spare) -> Any:
    path = folder / "v1.0-own" / "splits.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))
    harm(path)
    return choose_splits(path.parent)


LISTS = {"train": ["scene-1", "scene-2"], "val": ["scene-3"]}


@refused(SPLITS, "missing", "the path, for versions that are not official", r"splits\.json as")
def _(folder: Path) -> None:
    assert splits(folder, LISTS) == LISTS
    splits(folder, LISTS, damage.remove)


@refused(SPLITS, "empty", "the path", r"splits\.json is not a JSON file")
def _(folder: Path) -> None:
    splits(folder, LISTS, damage.clear)


@refused(SPLITS, "truncated", "the path", r"splits\.json is not a JSON file")
def _(folder: Path) -> None:
    splits(folder, LISTS, damage.cut)


@refused(SPLITS, "garbage", "the path", r"splits\.json is not a JSON file")
def _(folder: Path) -> None:
    splits(folder, LISTS, damage.scramble)


@refused(SPLITS, "wrong shape", "the path", r"splits\.json must be \{")
def _(folder: Path) -> None:
    splits(folder, ["scene-1"])


@refused(SPLITS, "wrong dtype", "the path", r"splits\.json must be \{")
def _(folder: Path) -> None:
    splits(folder, {"train": [1, 2]})


@refused(SPLITS, "NaN/inf", "the path", r"splits\.json must be \{")
def _(folder: Path) -> None:
    splits(folder, {"train": [float("nan")]})


@refused(SPLITS, "huge", "a file above 16 MiB", r"splits\.json has 1,099,511,627,776 bytes")
def _(folder: Path) -> None:
    splits(folder, LISTS, damage.blow_up)


not_applicable(SPLITS, "other version", NO_VERSION)


@accepted(SPLITS, "other data set", "a warning names scenes that do not exist")
def _(folder: Path) -> None:
    found = splits(folder, LISTS)
    assert "3 scenes of the splits are not in" in find_unknown(found, {"other"}, folder)[0]


@refused(SPLITS, "a scene in two splits", "the scene", r"Scene scene-1 is in the splits train and")
def _(folder: Path) -> None:
    splits(folder, {"train": ["scene-1"], "val": ["scene-1"]})


@refused(SPLITS, "a name that leads elsewhere", "the name", r"a split of .*splits\.json")
def _(folder: Path) -> None:
    splits(folder, {"../train": ["scene-1"]})
