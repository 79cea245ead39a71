"""tools/sweep.py as a user runs it."""

import json
from pathlib import Path

import pytest

from tests.fake_data.prepared import PreparedData
from tools import sweep

ROOT = Path(__file__).parents[2]
SMOKE = ROOT / "configs" / "sweeps" / "smoke_synthetic.py"
RAY = [str(SMOKE), "--executor", "ray", "--executor-options"]


@pytest.fixture(autouse=True)
def _back_to_this_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_a_dry_run_lists_the_commands_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--work-dir", str(tmp_path / "out"), "--data-root", str(tmp_path / "set")]
    assert sweep.main([str(SMOKE), *options, "--dry-run", "--seeds", "3"]) == 0
    text = capsys.readouterr().out
    assert "Epochs of LiDAR segmentation: 1 at 50, 100 %." in text
    assert "finetune_50pct-slidr-seed2-test" in text
    assert "$ python tools/train.py configs/lidarseg/" in text
    assert "3 seeds" in text
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["no.py"], "There is no file"),
        ([str(SMOKE), "--seeds", "0", "--dry-run"], "seeds must be at least 1"),
        ([str(SMOKE), "--jobs", "0"], "--jobs must be at least 1"),
        ([str(SMOKE), "--address", "a:1"], "add --executor ray"),
        ([str(SMOKE), "--executor-options", "num_gpus=1"], "add --executor slurm, ray or submitit"),
        ([str(SMOKE), "--gpus", "0", "--executor", "ray"], "by --executor-options num_gpus=1."),
        ([str(SMOKE), "--gpus", "0", "--executor", "slurm"], "options gpus_per_node=1."),
        ([*RAY, "memory=4GB"], "memory of --executor-options must be a whole number of at least 0"),
        ([*RAY, "num_gpus=1.5"], "a share of one GPU such as 0.5, but got 1.5"),
        ([*RAY, "num_cpus"], "must be NAME=VALUE, but got 'num_cpus'"),
    ],
)
def test_wrong_options_end_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert sweep.main([*options, "--work-dir", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line


@pytest.mark.slow
def test_a_tiny_sweep_names_the_failed_cell(
    prepared_synthetic: PreparedData, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = (
        "configs/lidarseg/lidarseg-finetune_minkunet-small_1xb2-adamw-cosine-20e_synthetic-1of10.py"
    )
    weights = tmp_path / "weights.pth"
    weights.write_bytes(b"no weights")
    (tmp_path / "tiny.py").write_text(
        "data = dict(data_root='data/another')\n"
        f"initializations = dict(broken=dict(about='Broken', checkpoint={str(weights)!r}))\n"
        f"labels, seeds = [50], 1\n"
        f"tasks = dict(finetune=dict(about='Fine-tuned', config={config!r}, epochs=1))\n"
    )
    folders = prepared_synthetic.options_for(ROOT / config)
    options = [str(tmp_path / "tiny.py"), "--work-dir", str(tmp_path / "out"), *folders]
    options += ["--jobs", "2"]
    assert sweep.main(options) == 2
    text = capsys.readouterr()
    assert "2 of 4 stages failed or were not run" in text.err
    assert "finetune_50pct-broken-seed0 failed with status 2: error: " in text.err
    assert "finetune_50pct-broken-seed0-test was not run" in text.err
    results = json.loads((tmp_path / "out" / "summary.json").read_text())["results"]
    assert list(results["finetune_50pct"]) == ["random"]
    assert (tmp_path / "out" / "report.html").stat().st_size > 0
    assert sweep.main([*options, "--report"]) == 0
