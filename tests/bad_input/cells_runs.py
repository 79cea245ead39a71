"""Files of a run: configs, checkpoints and stamps."""

import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from perception_kd.checkpoints.loading import load_pretrained
from perception_kd.engine.run.launch import check_data_folders, read_config
from perception_kd.experiments.folders import Folders
from perception_kd.experiments.stages import Stage
from perception_kd.experiments.stamps import Plan, Stamps
from perception_kd.experiments.workspace import Workspace
from tests.bad_input import damage
from tests.bad_input.table import accepted, refused

CONFIG, CHECKPOINT, STAMP = "config", "checkpoint", "stamp"
TEXT = """
model = dict(type="TaskModel")
train_dataloader = dict(dataset=dict(type="CameraLidarDataset", data_root="nowhere"))
optim_wrapper = dict(optimizer=dict(type="SGD", lr=0.1))
"""


def read(folder: Path, text: str, harm: damage.Damage = damage.spare) -> Any:
    path = folder / "own.py"
    path.write_text(text)
    harm(path)
    return read_config(path)


@refused(CONFIG, "missing", "the path and similar names", r"No config at .*own", FileNotFoundError)
def _(folder: Path) -> None:
    assert read(folder, TEXT).model.type == "TaskModel"
    read(folder, TEXT, damage.remove)


@refused(CONFIG, "empty", "what a config must define", r"own\.py must define model")
def _(folder: Path) -> None:
    read(folder, TEXT, damage.clear)


@refused(CONFIG, "truncated", "file and line", r"own\.py, line 3, cannot be read: SyntaxError")
def _(folder: Path) -> None:
    read(folder, TEXT[:80])


@refused(CONFIG, "garbage", "the path", r"own\.py.* cannot be read: \w+Error")
def _(folder: Path) -> None:
    read(folder, TEXT, damage.scramble)


@refused(
    CONFIG, "wrong shape", "what a config must define", r"own\.py must define train_dataloader"
)
def _(folder: Path) -> None:
    read(folder, 'model = dict(type="TaskModel")\ntrain_dataloader = []\n')


@refused(CONFIG, "wrong dtype", "what a config must define", r"own\.py must define model as a dict")
def _(folder: Path) -> None:
    read(folder, "model = 5\n")


@refused(CONFIG, "NaN/inf", "the setting that is NaN", r"own\.py has NaN as optim_wrapper\.optim")
def _(folder: Path) -> None:
    read(folder, TEXT.replace("lr=0.1", 'lr=float("nan")'))


@refused(CONFIG, "huge", "a file above 16 MiB", r"own\.py is a folder or too large")
def _(folder: Path) -> None:
    read(folder, TEXT, damage.blow_up)


@refused(CONFIG, "other version", "what a config must define", r"own\.py must define train_datal")
def _(folder: Path) -> None:
    data = 'data = dict(train=dict(type="NuScenesDataset"))'
    read(folder, f'model = dict(type="TaskModel")\n{data}\n')


@refused(
    CONFIG, "import that fails", "file and module", r"own\.py.* cannot be read: .*perception_kd\.g"
)
def _(folder: Path) -> None:
    read(folder, TEXT + "from perception_kd.gone import Model\nother = dict(type=Model)\n")


@refused(
    CONFIG,
    "other data set",
    "the folder that is missing",
    r"No folder at data_root=nowhere",
    FileNotFoundError,
)
def _(folder: Path) -> None:
    check_data_folders(read(folder, TEXT), "train_dataloader")


@refused(
    CONFIG, "error in a base", "the file of the base and the line", r"base\.py, line 1, .*twice"
)
def _(folder: Path) -> None:
    (folder / "base.py").write_text("rate = twice * 2\n")
    read(folder, '_base_ = ["base.py"]\n' + TEXT)


@refused(CONFIG, "call of exit()", "file and line", r"own\.py, line 1, cannot be read: SystemExit")
def _(folder: Path) -> None:
    read(folder, "raise SystemExit(0)\n")


def load_damaged(folder: Path, harm: damage.Damage) -> Any:
    path = folder / "weights.pth"
    torch.save({"state_dict": nn.Linear(4, 3).state_dict()}, path)
    harm(path)
    return load_pretrained(nn.Linear(4, 3), path)


def save(content: Any) -> damage.Damage:
    def replace(path: Path) -> None:
        torch.save(content, path)

    return replace


@refused(CHECKPOINT, "missing", "the path", r"No checkpoint at .*weights\.pth", FileNotFoundError)
def _(folder: Path) -> None:
    load_damaged(folder, damage.remove)


@refused(CHECKPOINT, "empty", "the path", r"Cannot read the checkpoint .*weights\.pth")
def _(folder: Path) -> None:
    load_damaged(folder, damage.clear)


@refused(CHECKPOINT, "truncated", "the path", r"Cannot read the checkpoint .*weights\.pth")
def _(folder: Path) -> None:
    load_damaged(folder, damage.cut)


@refused(CHECKPOINT, "garbage", "the path; no code in it runs", r"Cannot read the checkpoint .*pth")
def _(folder: Path) -> None:
    load_damaged(folder, damage.scramble)


@refused(CHECKPOINT, "wrong shape", "both shapes", r"weights\.pth has \(3, 5\)")
def _(folder: Path) -> None:
    load_damaged(folder, save({"state_dict": nn.Linear(5, 3).state_dict()}))


@refused(
    CHECKPOINT, "wrong dtype", "what it has in place of tensors", r"weights\.pth has no weights"
)
def _(folder: Path) -> None:
    load_damaged(folder, save({"state_dict": {"weight": "text", "bias": [0.5]}}))


@refused(
    CHECKPOINT, "NaN/inf", "the tensors", r"weights\.pth has NaN or infinity in 1 tensors: bias"
)
def _(folder: Path) -> None:
    weights = nn.Linear(4, 3).state_dict()
    weights["bias"][1] = float("inf")
    load_damaged(folder, save({"state_dict": weights}))


@refused(CHECKPOINT, "huge", "the path", r"Cannot read the checkpoint .*weights\.pth")
def _(folder: Path) -> None:
    load_damaged(folder, damage.fill_with_zeros)


@refused(
    CHECKPOINT,
    "other version",
    "the share that fits, and a prefix that would fit more",
    r"weights\.pth .*prefix='student\.' would match 100\.0%",
)
def _(folder: Path) -> None:
    weights = {f"student.{k}": v for k, v in nn.Linear(4, 3).state_dict().items()}
    load_damaged(folder, save({"state_dict": weights}))


@refused(
    CHECKPOINT, "other data set", "both shapes, where the classes differ", r"weights\.pth has \(16,"
)
def _(folder: Path) -> None:
    load_damaged(folder, save({"state_dict": nn.Linear(4, 16).state_dict()}))


def archive(pickled: bytes) -> damage.Damage:
    """Replace a checkpoint by one that holds a pickle."""

    def replace(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("archive/data.pkl", pickled)
            file.writestr("archive/version", "3")

    return replace


@refused(
    CHECKPOINT,
    "pickle that asks for gigabytes",
    "before they are taken",
    r"Cannot read the checkpoint .*weights\.pth \(MemoryError\)",
)
def _(folder: Path) -> None:
    size = (2**34).to_bytes(5, "little")
    load_damaged(folder, archive(b"\x80\x02cbuiltins\nbytearray\n(\x8a\x05" + size + b"tR."))


@refused(
    CHECKPOINT,
    "one value that claims to be many",
    "the tensor and both sizes",
    r"weight of the checkpoint .* claims 274,877,906,944 bytes, of which the file holds 4;",
)
def _(folder: Path) -> None:
    load_damaged(folder, save({"state_dict": {"weight": torch.zeros(1).expand(2**36)}}))


@refused(
    CHECKPOINT, "nested in itself", "the path", r"weights\.pth is nested too deeply, or has more"
)
def _(folder: Path) -> None:
    content: dict[str, Any] = {"state_dict": nn.Linear(4, 3).state_dict()}
    load_damaged(folder, save({**content, "meta": content | {"content": content}}))
    content["content"] = content
    load_damaged(folder, save(content))


def plan_damaged(folder: Path, harm: damage.Damage) -> Plan:
    """Plan a stage that is done, after its stamp was damaged."""
    output = folder / "work" / "a.txt"
    output.parent.mkdir()
    (folder / "data").mkdir()
    stage = Stage(name="a", about="", command=("true",), outputs=(str(output),))
    stamps = Stamps(folder / "work", Folders(Workspace(folder / "work", folder / "data")))
    settings = stamps.settings_of(stage, [stage])
    stamps.begin(stage, settings, Plan("start"))
    output.write_text("made")
    stamps.end(stage, 1.0)
    assert stamps.plan(stage, settings) == Plan("skip")
    harm(stamps.folder / "a.json")
    plan = stamps.plan(stage, settings)
    assert output.exists()
    return plan


def runs_again(folder: Path, harm: damage.Damage) -> None:
    assert plan_damaged(folder, harm).action == "start"


AGAIN = "its stage runs again, with the reason; nothing outside its folders is removed"


@accepted(STAMP, "missing", AGAIN)
def _(folder: Path) -> None:
    runs_again(folder, damage.remove)


@accepted(STAMP, "empty", AGAIN)
def _(folder: Path) -> None:
    runs_again(folder, damage.clear)


@accepted(STAMP, "truncated", AGAIN)
def _(folder: Path) -> None:
    runs_again(folder, damage.cut)


@accepted(STAMP, "garbage", AGAIN)
def _(folder: Path) -> None:
    runs_again(folder, damage.scramble)


@accepted(STAMP, "wrong shape", AGAIN)
def _(folder: Path) -> None:
    runs_again(folder, damage.put(b"[]"))


@accepted(STAMP, "wrong dtype", AGAIN)
def _(folder: Path) -> None:
    runs_again(folder, damage.merge(files=5))


@accepted(STAMP, "NaN/inf", AGAIN)
def _(folder: Path) -> None:
    runs_again(folder, damage.merge(seconds=float("nan")))


@accepted(STAMP, "huge", AGAIN)
def _(folder: Path) -> None:
    runs_again(folder, damage.put(b"[" * 100_000))


@accepted(STAMP, "other version", AGAIN)
def _(folder: Path) -> None:
    runs_again(folder, damage.merge(format=0))


@accepted(STAMP, "other data set", AGAIN)
def _(folder: Path) -> None:
    runs_again(folder, damage.merge(settings={"the command": ["other"]}))


@accepted(STAMP, "files outside the folders", AGAIN)
def _(folder: Path) -> None:
    outside = folder / "precious.txt"
    outside.write_text("mine")
    runs_again(
        folder, damage.merge(files={str(outside): [4, 0, "x"], "work:../precious.txt": [4, 0, "x"]})
    )
    assert outside.read_text() == "mine"
