"""A damaged file of a work dir costs only what needs it, and is named on the page."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from perception_kd.experiments.report import results, training
from perception_kd.experiments.report.cameras import cameras_section
from perception_kd.experiments.report.charts import draw_curves
from perception_kd.experiments.report.overview import overview_section
from perception_kd.experiments.report.page import make_section, render_page, write_report
from perception_kd.experiments.report.point_clouds import clouds_section
from perception_kd.experiments.report.results import results_section
from perception_kd.experiments.report.similarity import similarity_section
from perception_kd.experiments.report.stored import Damage, read_rows
from perception_kd.experiments.report.training import training_section
from perception_kd.experiments.report.training_run import TrainingRun
from perception_kd.experiments.report.work_dir import WorkDir
from tests.experiments.report.report_data import (
    make_keyframe,
    training_rows,
    write_demo,
    write_log,
)

RUN = "linear_probe/random/seed0"
LOG = f"{RUN}/20260101_000000/vis_data/scalars.json"
SCORES = f"{RUN}/test/20260101_000000/20260101_000000.json"


@pytest.fixture(autouse=True)
def no_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the drawing, which takes most of the time."""
    monkeypatch.setattr(training, "draw_curves", lambda *_: "")
    monkeypatch.setattr(results, "draw_scores", lambda *_: "")


def show(folder: Path) -> list[str]:
    """Return what the sections that read these files say is missing."""
    work = WorkDir.read(folder)
    sections = [results_section(work), training_section(work), overview_section(work)]
    render_page("Demo", sections)
    return [text for section in sections for text in section.missing]


def notes(folder: Path) -> str:
    return "\n".join(show(folder))


BYTES = {
    "empty": b"",
    "cut off": b'{"results": {"linear_',
    "binary": bytes(range(256)),
    "utf-16": '{"a": 1}'.encode("utf-16"),
    "a list": b"[1, 2]",
    "a number": b"1e999",
    "too deep": b"[" * 100_000,
    "null": b"null",
}


@pytest.mark.parametrize("content", BYTES.values(), ids=BYTES.keys())
def test_a_damaged_json_file_is_named(tmp_path: Path, content: bytes) -> None:
    folder = write_demo(tmp_path)
    for name in ("summary.json", SCORES):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    found = notes(folder)
    assert f"{folder / 'summary.json'} is damaged and was left out" in found
    assert f"{folder / SCORES} is damaged and was left out" in found


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("results", [1]),
        ("results", {"linear_probe": 3}),
        ("results", {"linear_probe": {"random": {"mIoU": {"mean": "high"}}}}),
        ("results", {"linear_probe": {"random": {"mIoU": {"seeds": {}, "mean": 1, "std": None}}}}),
        ("seconds", {"data": "long"}),
        ("seconds", {"data": float("nan")}),
        ("seconds", 3),
        ("settings", "none"),
        ("versions", [None]),
    ],
)
def test_a_damaged_part_of_the_summary_is_named(tmp_path: Path, part: str, value: Any) -> None:
    path = write_demo(tmp_path) / "summary.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), part: value}))
    assert f"{path} is damaged: a part of its {part} was left out." in show(tmp_path)


LINES = {
    "no json": "loss: 3",
    "a list": "[1]",
    "no step": '{"loss": 3.0, "lr": 0.1}',
    "text": '{"loss": "low", "lr": 0.1, "step": "1"}',
    "huge": '{"loss": 3.0, "lr": 0.1, "step": 1' + "0" * 400 + "}",
    "null": '{"loss": null, "lr": 0.1, "step": null}',
    "binary": "\0\1",
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES.keys())
def test_a_damaged_line_of_a_log_is_named(tmp_path: Path, line: str) -> None:
    path = write_demo(tmp_path) / LOG
    path.write_text(line + "\n" + path.read_text())
    assert f"{path} is damaged: line 1 was left out." in show(tmp_path)
    run = TrainingRun(tmp_path / RUN)
    assert run.training_curve("loss") == [(1, 3.0), (2, 2.0)]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e308, -1e308, 0.0])
def test_a_loss_of_any_value_is_drawn(tmp_path: Path, value: float) -> None:
    folder = write_demo(tmp_path)
    rows = [*training_rows([value, 2.0]), {"lidar_seg/miou": value, "step": 1}]
    (folder / LOG).write_text("\n".join(map(json.dumps, rows)))
    (folder / "summary.json").unlink()
    assert f"{folder / RUN} has scores" in notes(folder) or abs(value) == 0.0
    curve = {"name": "loss", "color": "slidr", "x": [1, 2], "y": [value, 2.0]}
    assert "<svg" in draw_curves([curve, {**curve, "y": [value, value]}], "step", "loss")


def test_scores_that_are_no_numbers_are_named(tmp_path: Path) -> None:
    folder = write_demo(tmp_path)
    (folder / SCORES).parent.mkdir(parents=True)
    (folder / SCORES).write_text('{"lidar_seg/miou": NaN, "lidar_seg/iou_car": "high"}')
    assert f"{folder / SCORES} has scores that are not finite numbers" in notes(folder)


def test_an_unreadable_log_is_named(tmp_path: Path) -> None:
    path = write_demo(tmp_path) / LOG
    path.write_bytes(b"\xff\xfe" + path.read_bytes())
    assert f"{path} is damaged and was left out: it is not UTF-8 text." in show(tmp_path)
    path.unlink()
    for make in (path.mkdir, path.rmdir, lambda: os.mkfifo(path)):
        make()
        if path.exists():
            text = f"{path} is damaged and was left out: it is not a regular file."
            assert text in show(tmp_path)


def test_names_of_files_are_shown_as_text(tmp_path: Path) -> None:
    """Folders, stages and classes named like markup or formulas."""
    name = "<script>alert(1)</script> $x^$"
    folder = write_demo(tmp_path / name.replace("/", "_"))
    write_log(folder / "linear_probe" / "random" / f"seed{name}".replace("/", "_"), [{"step": 1}])
    (folder / SCORES).parent.mkdir(parents=True)
    (folder / SCORES).write_text(json.dumps({"lidar_seg/miou": 1, f"lidar_seg/iou_{name}": 2.0}))
    summary = json.loads((folder / "summary.json").read_text())
    summary["seconds"][name] = 3.0
    summary["settings"] |= {name: name, "configs": {name: name}}
    summary["results"][name] = summary["results"]["linear_probe"]
    (folder / "summary.json").write_text(json.dumps(summary))
    (folder / LOG).write_text("damaged\n" + (folder / LOG).read_text())
    page = write_report(folder).read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "cannot be shown" not in page


def test_names_in_info_files_are_shown_as_text() -> None:
    """Names of scenes, samples, cameras and classes."""
    name = '"><script>alert(1)</script>'
    keyframe = make_keyframe(token=name)
    keyframe.sample["scene_name"] = name
    keyframe.sample["cam_names"] = [name, f"CAM_{name}"]
    keyframe = replace(keyframe, classes=(name,) * len(keyframe.classes))
    work = WorkDir(Path("unused"))
    sections = [
        cameras_section([keyframe], ""),
        clouds_section(work, [keyframe], ""),
        similarity_section([keyframe], ""),
    ]
    page = render_page(name, sections)
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "\\u003cscript\\u003ealert(1)" in page  # in the data of the scripts


def test_a_section_that_fails_is_a_gap() -> None:
    def fail() -> Any:
        raise KeyError("x")

    section = make_section("maps", "Maps", fail)
    assert section.missing == ("This section cannot be shown: KeyError: 'x'",)


def test_the_last_line_of_a_log_may_be_incomplete(tmp_path: Path) -> None:
    write_log(tmp_path, training_rows([5.0, 4.0]))
    (path,) = tmp_path.glob("*/vis_data/scalars.json")
    path.write_text(path.read_text()[:-3])
    damage = Damage()
    assert [row["loss"] for row in read_rows(path, damage)] == [5.0]
    assert not damage


def test_the_latest_checkpoint_is_found_without_a_pointer(tmp_path: Path) -> None:
    assert TrainingRun(tmp_path).checkpoint is None
    for name in ("epoch_9.pth", "epoch_10.pth", "best.pth", "epoch_x.pth"):
        (tmp_path / name).touch()
    (tmp_path / "last_checkpoint").write_text("/where/it/was/epoch_3.pth")
    assert TrainingRun(tmp_path).checkpoint == tmp_path / "epoch_10.pth"
