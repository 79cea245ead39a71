"""The stages of the demo: complete, in order, the same for every initialization."""

from pathlib import Path

import pytest

from perception_kd.experiments.comparison_stages import comparison_stages
from perception_kd.experiments.comparisons import PRETRAININGS, PROTOCOLS
from perception_kd.experiments.demo import DemoSettings, make_report_stage, make_stages
from perception_kd.experiments.stages import Stage
from perception_kd.experiments.trials import Comparison
from perception_kd.experiments.workspace import Workspace

ROOT = Path(__file__).parent.parent.parent


def make(seeds: int = 1, workers: int = 2, tiny: bool = False, full: bool = False) -> list[Stage]:
    settings = DemoSettings(Path("out"), Path("drawn"), seeds, workers, tiny, full)
    return [*make_stages(settings), make_report_stage(settings)]


def test_every_stage_comes_after_its_inputs() -> None:
    names: list[str] = []
    for stage in make(seeds=2, full=True):
        assert set(stage.inputs) <= set(names)
        names.append(stage.name)
    assert len(names) == len(set(names))


def test_files_in_a_command_are_outputs_of_its_inputs() -> None:
    outputs = {path: stage.name for stage in make(full=True) for path in stage.outputs}
    for stage in make(full=True):
        words = [word.rpartition("=")[2] for word in stage.command]
        read = {outputs[word] for word in words if word in outputs}
        assert read <= set(stage.inputs)


def test_every_command_and_config_exists() -> None:
    for stage in make():
        assert (ROOT / stage.command[0]).is_file()
    configs = [pretraining.config for pretraining in PRETRAININGS.values()]
    for config in configs + [protocol.config for protocol in PROTOCOLS.values()]:
        assert (ROOT / config).is_file()


def test_trials_differ_only_in_their_initialization() -> None:
    commands = {stage.name: list(stage.command) for stage in make(full=True)}
    for name, protocol in PROTOCOLS.items():
        random = commands[f"{name}-random-seed0"]
        for method in protocol.pretrainings:
            given = commands[f"{name}-{method}-seed0"]
            place = given.index("--pretrained")
            assert given[place + 1].startswith(f"out/pretrain/{method}/seed0/epoch_")
            without = given[:place] + given[place + 2 :]
            assert [w.replace(f"/{method}/seed", "/random/seed") for w in without] == random


def test_the_teacher_of_rad_is_prc_with_the_same_seed() -> None:
    stages = {stage.name: stage for stage in make(seeds=2)}
    rad = stages["pretrain-rad-seed1"]
    assert "model.teacher_checkpoint=out/pretrain/prc/seed1/epoch_8.pth" in rad.command
    assert stages["pretrain-prc-seed1"].outputs == ("out/pretrain/prc/seed1/epoch_8.pth",)
    assert "pretrain-prc-seed1" in rad.inputs


def test_the_full_demo_contains_the_short_one() -> None:
    short, full = make(), make(full=True)
    names = [stage.name for stage in short]
    assert [s for s in full if s.name in names][:-1] == short[:-1]
    added = {stage.name.partition("-")[0] for stage in full} - {n.partition("-")[0] for n in names}
    assert added == {name for name, protocol in PROTOCOLS.items() if protocol.full}


def test_a_seed_is_used_by_pretraining_and_protocols() -> None:
    stages = make(seeds=3, full=True)
    trained = [stage for stage in stages if stage.command[0] == "tools/train.py"]
    per_seed = sum(len(protocol.initializations) for protocol in PROTOCOLS.values())
    assert len(trained) == 3 * (len(PRETRAININGS) + per_seed)
    for stage in trained:
        seed = stage.command[stage.command.index("--seed") + 1]
        assert stage.name.endswith(f"-seed{seed}")
        assert f"seed{seed}" in str(stage.folder)
        if "--pretrained" in stage.command:
            source = stage.command[stage.command.index("--pretrained") + 1]
            assert f"/seed{seed}/" in source


def test_more_seeds_do_not_change_earlier_ones() -> None:
    more = {stage.name: stage for stage in make(seeds=3)}
    assert all(more[stage.name] == stage for stage in make()[:-1])


def test_the_number_of_workers_does_not_change_commands() -> None:
    for one, other in zip(make(workers=1), make(workers=8), strict=True):
        assert one.command == other.command


def test_the_tiny_demo_trains_one_epoch_on_tiny_data() -> None:
    for stage in make(tiny=True):
        if stage.command[0] == "tools/train.py":
            assert "train_cfg.max_epochs=1" in stage.command
            assert stage.outputs[0].endswith("epoch_1.pth")
        if stage.name == "data":
            assert "--scenes" in stage.command


@pytest.mark.parametrize("name", ["work[1]", "*", "a b"])
def test_files_are_found_in_folders_of_any_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    settings = DemoSettings(folder / "out", folder / "drawn")
    for stage in [*make_stages(settings), make_report_stage(settings)]:
        assert stage.files() == []
        for pattern in stage.outputs:
            path = Path(pattern.replace("[[]", "[").replace("[*]", "\0").replace("*", "made"))
            path = Path(str(path).replace("\0", "*"))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("made")
        assert stage.missing_outputs() == []
        assert all(path.startswith(str(folder)) for path in stage.files())


def test_numbers_out_of_range_are_rejected() -> None:
    with pytest.raises(ValueError, match=r"--seeds must be at least 1, but got 0"):
        DemoSettings(seeds=0)
    with pytest.raises(ValueError, match=r"--workers must not be negative, but got -1"):
        DemoSettings(workers=-1)


def test_any_comparison_is_a_list_of_stages() -> None:
    protocols = {"probe": PROTOCOLS["linear_probe"], "again": PROTOCOLS["linear_probe"]}
    comparison = Comparison({"slidr": PRETRAININGS["slidr"]}, protocols, seeds=2)
    stages = list(comparison_stages(Workspace(Path("out"), Path("drawn")), comparison))
    names = [stage.name for stage in stages if not stage.name.endswith("-test")]
    assert names[:4] == [
        *("pretrain-slidr-seed0", "probe-random-seed0", "probe-slidr-seed0", "again-random-seed0")
    ]
    assert len(stages) == 2 * (1 + 2 * 2 * 2)
