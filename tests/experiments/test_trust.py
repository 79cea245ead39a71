"""Whatever the files of a work dir say, other folders are not touched."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from perception_kd.experiments import fingerprints
from perception_kd.experiments.clearing import OWNER_FILE
from perception_kd.experiments.folders import Folders
from perception_kd.experiments.stages import ExperimentError, Stage
from perception_kd.experiments.stamps import Stamps
from perception_kd.experiments.workspace import Workspace
from tests.experiments.toy_stages import ToyStages


class Made:
    """A stage that has made a data set and one that has trained on it."""

    def __init__(self, folder: Path) -> None:
        self.work, self.data = folder / "demo", folder / "drawn"
        self.folders = Folders(Workspace(self.work, self.data))
        self.stamps = Stamps(self.work, self.folders)
        base = str(self.data)
        self.stages = {
            "data": Stage("data", "", ("-c", "--root", base), (f"{base}/samples/**",)),
            "train": Stage(
                "train",
                "",
                ("-c", f"model.data={base}", f"{self.work}/train"),
                (f"{self.work}/train/*.pth",),
                ("data",),
                folder=self.work / "train",
            ),
        }

    def make(self) -> None:
        """Run both stages."""
        for name, path in (("data", self.data / "samples/a.bin"), ("train", self.weights)):
            stage = self.stages[name]
            settings = self.stamps.settings_of(stage, [*self.stages.values()])
            self.stamps.begin(stage, settings, self.stamps.plan(stage, settings))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"made by the stage")
            self.stamps.end(stage, 1.0)

    @property
    def weights(self) -> Path:
        """Return the output of the training."""
        return self.work / "train" / "epoch_1.pth"

    def plan(self, name: str) -> str:
        """Return the next action for a stage."""
        settings = self.stamps.settings_of(self.stages[name], [*self.stages.values()])
        return self.stamps.plan(self.stages[name], settings).action

    def restart(self, name: str) -> None:
        """Begin a stage whose settings have changed."""
        stage = self.stages[name]
        self.stamps.begin(stage, {"size": 2}, self.stamps.plan(stage, {"size": 2}))

    def edit(self, name: str, **changes: Any) -> None:
        """Change the stamp of a stage."""
        path = self.work / "stages" / f"{name}.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.fixture
def made(tmp_path: Path) -> Made:
    made = Made(tmp_path / "first")
    made.make()
    return made


def copy(made: Made, folder: Path) -> Made:
    copied = Made(folder)
    shutil.copytree(made.work, copied.work)
    shutil.copytree(made.data, copied.data)
    return copied


def test_a_copied_folder_is_as_complete_as_its_original(made: Made, tmp_path: Path) -> None:
    copied = copy(made, tmp_path / "second")
    assert [copied.plan(name) for name in copied.stages] == ["skip", "skip"]
    shutil.move(made.work.parent, tmp_path / "third")
    moved = Made(tmp_path / "third")
    assert [moved.plan(name) for name in moved.stages] == ["skip", "skip"]


def test_a_copy_removes_nothing_of_its_original(made: Made, tmp_path: Path) -> None:
    copied = copy(made, tmp_path / "second")
    for name in copied.stages:
        copied.restart(name)
    assert not (copied.data / "samples" / "a.bin").exists()
    assert not copied.weights.exists()
    assert (made.data / "samples" / "a.bin").exists()
    assert made.weights.exists()


@pytest.mark.parametrize(
    "name", ["{0}/x", "work:../precious/x", "data:{0}/x", "work:..", "none:x", "work:", ""]
)
def test_a_stamp_that_names_other_files_is_not_used(made: Made, tmp_path: Path, name: str) -> None:
    precious = tmp_path / "first" / "precious"
    precious.mkdir()
    (precious / "x").write_text("precious")
    made.edit("data", files={name.format(precious): [8, 0, 0, "00"]})
    stage = made.stages["data"]
    plan = made.stamps.plan(stage, {})
    assert plan.action == "start"
    assert "names files outside of its folders" in plan.reason
    made.restart("data")
    assert (precious / "x").read_text() == "precious"


@pytest.mark.parametrize("name", ["work:notes.txt", "work:train", "data:samples", "data:*"])
def test_a_stamp_cannot_have_other_files_removed(made: Made, name: str) -> None:
    (made.work / "notes.txt").write_text("of the user")
    made.edit("data", files={name: [11, 0, 0, "00"]})
    made.restart("data")
    assert (made.work / "notes.txt").exists()
    assert made.weights.exists()
    assert (made.data / "samples" / "a.bin").exists()


def test_a_data_root_of_somebody_else_is_left_alone(made: Made, tmp_path: Path) -> None:
    other = Made(tmp_path / "second")
    shutil.copytree(made.work, other.work)
    (other.data / "samples").mkdir(parents=True)
    (other.data / "samples" / "a.bin").write_bytes(b"made by the stage")
    for mark in (None, "of another stage"):
        if mark:
            (other.data / OWNER_FILE).write_text(mark)
        with pytest.raises(ExperimentError, match="existed before its first run"):
            other.restart("data")
        assert (other.data / "samples" / "a.bin").exists()


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[1]",
        b"[" * 100_000,
        b"NaN",
        b'{"format": 2}',
        b'{"format": 2, "settings": [], "seconds": "x", "files": {}}',
    ],
)
def test_a_damaged_stamp_runs_its_stage_again(made: Made, damage: bytes) -> None:
    (made.work / "stages" / "train.json").write_bytes(damage)
    stage = made.stages["train"]
    plan = made.stamps.plan(stage, {})
    assert plan.action == "start"
    assert "train.json is" in plan.reason
    made.restart("train")
    assert not made.weights.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"seconds": float("nan")},
        {"seconds": -1},
        {"seconds": 10**400},
        {"seconds": True},
        {"done": "yes"},
        {"files": {"work:train/epoch_1.pth": 17}},
        {"files": {"work:train/epoch_1.pth": [17, 0, 0, None]}},
        {"files": {}},
        {"hash": 3},
        {"format": 1},
    ],
)
def test_a_stamp_of_the_wrong_form_is_not_used(made: Made, changes: dict[str, Any]) -> None:
    made.edit("train", **changes)
    assert made.plan("train") == "start"


def test_stamps_of_version_0_2_remove_no_data(made: Made) -> None:
    path = made.data / "samples" / "a.bin"
    old = {"stage": "data", "settings": {}, "found": False, "done": True, "seconds": 1.0}
    stamp = {**old, "files": {str(path): 17}, "hash": "00"}
    (made.work / "stages" / "data.json").write_text(json.dumps(stamp))
    assert made.plan("data") == "start"
    made.restart("data")
    assert path.exists()


@pytest.mark.parametrize("link", ["demo/stages", "demo/train/x.pth", "drawn/samples/more"])
def test_links_that_lead_out_are_refused(made: Made, tmp_path: Path, link: str) -> None:
    (tmp_path / "precious").mkdir()
    path = tmp_path / "first" / link
    if path.exists():
        shutil.rmtree(path)
    path.symlink_to(tmp_path / "precious")
    with pytest.raises(ExperimentError, match=f"{path} -> .*precious; remove the link"):
        made.folders.check(made.stages.values())


def test_pipes_among_the_outputs_are_not_read(made: Made) -> None:
    os.mkfifo(made.data / "samples" / "pipe")
    os.mkfifo(made.work / "train" / "pipe.pth")
    made.make()
    assert [made.plan(name) for name in made.stages] == ["skip", "skip"]


def test_links_within_a_folder_are_allowed(made: Made) -> None:
    (made.work / "latest").symlink_to("train")
    made.folders.check(made.stages.values())


def test_a_linked_folder_of_a_stage_is_not_emptied(made: Made, tmp_path: Path) -> None:
    shutil.move(made.work / "train", tmp_path / "elsewhere")
    (made.work / "train").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ExperimentError, match="is not in the work dir; remove it yourself"):
        made.restart("train")
    assert (tmp_path / "elsewhere" / "epoch_1.pth").exists()


@pytest.mark.parametrize(
    ("work", "data", "expected"),
    [
        ("a", "a", "the same folder"),
        ("a", "a/train/b", "lies in .*train, where the stage train removes old files"),
        ("a/samples/b", "a", "lies in .*samples, where the stage data removes old files"),
    ],
)
def test_folders_that_overlap_are_refused(
    tmp_path: Path, work: str, data: str, expected: str
) -> None:
    folders = Folders(Workspace(tmp_path / work, tmp_path / data))
    stages = [
        Stage("data", "", (), (f"{tmp_path / data}/samples/**",)),
        Stage("train", "", (), (), folder=tmp_path / work / "train"),
    ]
    with pytest.raises(ExperimentError, match=expected):
        folders.check(stages)


def test_a_data_root_may_lie_in_the_work_dir(tmp_path: Path) -> None:
    folders = Folders(Workspace(tmp_path, tmp_path / "data"))
    folders.check([Stage("train", "", (), (), folder=tmp_path / "train")])
    assert folders.name(tmp_path / "data" / "x") == "data:x"
    assert folders.rename(f"a={tmp_path}/b=c") == "a=work:b=c"


def flip(path: Path, keep_times: bool) -> None:
    """Change a byte of a file."""
    stat = path.stat()
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    if keep_times:
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.mark.parametrize("keep_times", [False, True])
@pytest.mark.parametrize("limit", [0, 100])
def test_a_changed_byte_runs_a_stage_again(
    made: Made, monkeypatch: pytest.MonkeyPatch, keep_times: bool, limit: int
) -> None:
    monkeypatch.setattr(fingerprints, "NUM_READ_ALWAYS", limit)
    made.make()
    for name, path in (("data", made.data / "samples/a.bin"), ("train", made.weights)):
        assert made.plan(name) == "skip"
        flip(path, keep_times)
        assert made.plan(name) == "start"


def test_files_that_only_look_newer_are_read_once(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprints, "NUM_READ_ALWAYS", 0)
    os.utime(made.weights)
    assert made.plan("train") == "skip"
    made.stamps.confirm(made.stages["train"])
    monkeypatch.setattr(fingerprints, "take_fingerprint", None)  # which cannot be called
    assert made.plan("train") == "skip"


@pytest.mark.parametrize("name", ["work[1]", "*", "a b", "[!x]", "{0}", "-x", "ä\n"])
def test_any_folder_name_works(tmp_path: Path, name: str) -> None:
    (tmp_path / "work1").mkdir()
    (tmp_path / "work1" / "first.txt").write_text("of the user")
    folder = tmp_path / name
    folder.mkdir()
    toy = ToyStages(folder)
    assert toy.run() == ["first", "second"]
    assert toy.run() == []
    toy.texts["first"] = "uno"
    assert toy.run() == ["first", "second"]
    assert (tmp_path / "work1" / "first.txt").read_text() == "of the user"
