"""Damaged JSON files are read, or refused by an error that names file or folder."""

import copy
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mmengine import Config

from perception_kd.api.pretraining.record import PretrainRecord
from perception_kd.checkpoints.model_folder import read_folder_settings
from perception_kd.datasets.nuscenes.json_records import read_table
from perception_kd.datasets.nuscenes.scene_splits import choose_splits
from perception_kd.datasets.rosbag.recording import BAG_MANIFEST, RecordingFolder
from perception_kd.engine.config.renamed import TABLE, find_config
from perception_kd.engine.trackers.tracked_run import TRACKED_RUNS, find_run
from perception_kd.experiments.folders import Folders
from perception_kd.experiments.report.stored import read_score_file
from perception_kd.experiments.results import read_scores
from perception_kd.experiments.stages import ExperimentError
from perception_kd.experiments.stamp_format import parse_stamp
from perception_kd.experiments.trials import Metric, Trial
from perception_kd.experiments.workspace import Workspace
from perception_kd.io.caches.cache import Cache
from perception_kd.io.caches.manifest import make_manifest
from perception_kd.io.caches.origin import decode_origin
from perception_kd.io.json_file import read_json
from perception_kd.io.lock import lock_folder
from perception_kd.synthetic.create import SETTINGS_FILE, SETTINGS_FORMAT, create_synthetic
from perception_kd.synthetic.world.settings import SyntheticSettings

HUGE = "1" + "0" * 5_000
# 10**400 is a number of JSON that no float can hold.
VALUES: tuple[Any, ...] = (
    10**400,
    float("inf"),
    float("nan"),
    -1,
    True,
    None,
    "",
    "\0",
    [],
    {},
    [["a"]],
    {"a": 1},
)
CONTENTS = ("", "[", HUGE, f'{{"a": {HUGE}}}', "[" * 100_000, *map(json.dumps, VALUES))
ARGUMENTS = dict(data="/d", method="prc", minutes=None, epochs=1, seed=0, teacher="")
PRETRAIN: dict[str, dict[str, Any]] = {
    "arguments": {**ARGUMENTS, "version": "", "rig": "1"},
    "choices": {"prc": [["epochs", "1", "given"]]},
    "finished": {"prc": {"checkpoint": "prc/epoch_1.pth", "seconds": 5}},
}
STAMP = dict(format=2, settings={"a": 1}, seconds=1.5, found=False, done=True, hash="a") | {
    "files": {"work:a.pth": [1, 2, 3, "a"]},
    "owner": "",
    "ended": "",
}
SYNTHETIC = SyntheticSettings(scenes=1)
METRIC = Metric("mIoU", "lidar_seg/miou", scale=100.0)


def read_pretraining(path: Path) -> None:
    record = PretrainRecord(path.parent, PRETRAIN["arguments"])
    for stage in record.stages:
        assert record.checkpoint(stage).is_relative_to(path.parent)
        assert 0 <= record.seconds(stage) < 1e300
        assert not record.is_finished(stage)
    assert all(len(choice) == 3 for choice in record.choices("prc"))
    assert record.arguments.keys() == PRETRAIN["arguments"].keys()


def read_stamp(path: Path) -> None:
    folder = path.parent
    parse_stamp(path, Folders(Workspace(folder / "work", folder / "data")))


def read_run(path: Path) -> None:
    config = Config(dict(work_dir=str(path.parent), resume=True, load_from="epoch_1.pth"))
    assert isinstance(find_run(config, "wandb"), str | None)


def lock(path: Path) -> None:
    with lock_folder("--out", path.parent):
        pass


READERS: dict[str, tuple[Any, Callable[[Path], object]]] = {
    "pretrain.json": (PRETRAIN, read_pretraining),
    "stamp.json": (STAMP, read_stamp),
    "scores.json": ({"lidar_seg/miou": 0.5}, lambda path: read_score_file(path, {})),
    "work/probe/slidr/seed0/test/1/scores.json": (
        {METRIC.key: 0.5},
        lambda path: read_scores(Trial("probe", "slidr", 0), [METRIC], path.parents[5]),
    ),
    "regions/manifest.json": (
        make_manifest("regions", {"eps": 0.75}, ".npz") | {"sources": [{"command": "make"}]},
        lambda path: Cache.open(path.parent, "regions", {"eps": 0.75}),
    ),
    "model/config.json": (
        {"meta": {"cfg": ""}, "sha256": "ab", "version": "0.3.0"},
        lambda path: read_folder_settings(path.parent),
    ),
    "v1.0-own/splits.json": (
        {"train": ["a", "b"], "val": ["c"]},
        lambda path: choose_splits(path.parent),
    ),
    "v1.0-own/scene.json": ([{"token": "a", "name": "b"}], read_table),
    TRACKED_RUNS: ({"wandb": "run"}, read_run),
    f"bag/{BAG_MANIFEST}": ({"a": [1]}, lambda path: RecordingFolder(path.parent, {"a": [1]})),
    f"synthetic/{SETTINGS_FILE}": (
        {"format": SETTINGS_FORMAT, "settings": SYNTHETIC.as_dict()},
        lambda path: create_synthetic(path.parent, SYNTHETIC),
    ),
    "locked/.lock": (
        {"pid": 1, "host": socket.gethostname(), "start": "1", "since": "now"},
        lock,
    ),
    "origin.json": (
        {"key": "a", "num_bytes": 3, "sha256": "b"},
        lambda path: decode_origin(path.read_bytes(), path),
    ),
    f"all/{TABLE}": (
        {"old/a.py": "new/b.py"},
        lambda path: find_config(path.parent / "old" / "a.py"),
    ),
    "table.json": ({"a": [1, 2]}, lambda path: read_json(path, "Unpack it again.")),
}


def list_places(content: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the keys that lead to each value in a content."""
    if place:
        yield place
    items = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in items:
        if isinstance(value, dict | list):
            yield from list_places(value, (*place, key))
        else:
            yield (*place, key)


def damage_values(content: Any) -> Iterator[str]:
    """Yield a content with each of its values replaced, and with each left out."""
    for place in list_places(content):
        for value in (*VALUES, ...):
            damaged = parent = copy.deepcopy(content)
            for key in place[:-1]:
                parent = parent[key]
            if value is ...:
                del parent[place[-1]]
            else:
                parent[place[-1]] = value
            yield json.dumps(damaged)


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_json_file_is_read_or_named(name: str, tmp_path: Path) -> None:
    content, read = READERS[name]
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    read(path)
    for text in (*CONTENTS, *damage_values(content)):
        path.write_text(text)
        message = ""
        try:
            read(path)
        except (ValueError, OSError, ExperimentError) as error:
            message = str(error)
        assert not message or str(tmp_path) in message, text[:300]
