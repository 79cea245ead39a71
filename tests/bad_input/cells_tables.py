"""Tables of nuScenes, read by its converter."""

import argparse
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from perception_kd.datasets.nuscenes.command import add_arguments, run
from tests.bad_input import damage
from tests.bad_input.table import refused
from tests.fake_data.nuscenes import make_nuscenes

TABLE = "table"


def convert(root: Path, *options: str) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    base = ["--root", str(root), "--version", "v1.0-mini", "--workers", "0"]
    run(parser.parse_args([*base, "--out-dir", str(root / "infos"), *options]))


def copy(folder: Path) -> Path:
    """A copy of a small data set, which is made once."""
    made = folder.parent / "bad_input_tables"
    if not made.exists():
        make_nuscenes(made)
    shutil.copytree(made, folder / "data")
    return folder / "data"


def convert_damaged(folder: Path, table: str, harm: damage.Damage) -> None:
    root = copy(folder)
    harm(root / "v1.0-mini" / f"{table}.json")
    convert(root)


def edit(change: Callable[[dict[str, Any]], Any]) -> damage.Damage:
    def replace(path: Path) -> None:
        rows = json.loads(path.read_text())
        for row in rows:
            change(row)
        path.write_text(json.dumps(rows))

    return replace


@refused(TABLE, "missing", "the table", r"ego_pose\.json", FileNotFoundError)
def _(folder: Path) -> None:
    convert_damaged(folder, "ego_pose", damage.remove)


@refused(TABLE, "empty", "the table", r"ego_pose\.json must be a JSON list")
def _(folder: Path) -> None:
    convert_damaged(folder, "ego_pose", damage.clear)


@refused(TABLE, "truncated", "the table", r"ego_pose\.json is broken or truncated")
def _(folder: Path) -> None:
    convert_damaged(folder, "ego_pose", damage.cut)


@refused(TABLE, "garbage", "the table", r"ego_pose\.json")
def _(folder: Path) -> None:
    convert_damaged(folder, "ego_pose", damage.scramble)


@refused(TABLE, "wrong shape", "the table", r"sample\.json must be a JSON list")
def _(folder: Path) -> None:
    convert_damaged(folder, "sample", damage.put(b'{"token": "a"}'))


@refused(TABLE, "wrong dtype", "table and field", r"timestamp")
def _(folder: Path) -> None:
    convert_damaged(folder, "sample_data", edit(lambda row: row.update(timestamp="noon")))


@refused(TABLE, "NaN/inf", "table and field", r"ego_pose.*translation")
def _(folder: Path) -> None:
    nowhere = [float("nan")] * 3
    convert_damaged(folder, "ego_pose", edit(lambda row: row.update(translation=nowhere)))


@refused(TABLE, "huge", "the table", r"ego_pose\.json")
def _(folder: Path) -> None:
    convert_damaged(folder, "ego_pose", damage.fill_with_zeros)


@refused(TABLE, "other version", "the version that exists", r"v1\.0-trainval", FileNotFoundError)
def _(folder: Path) -> None:
    convert(copy(folder), "--version", "v1.0-trainval")


@refused(TABLE, "other data set", "table and field", r"sample_data")
def _(folder: Path) -> None:
    convert_damaged(folder, "sample_data", damage.put(b'[{"frame": 1}]'))
