"""The list of stages: complete, in order, the same for every arm."""

from pathlib import Path

import pytest

from perception_kd.demo.recipe import (
    ARMS,
    PRETRAININGS,
    PROTOCOLS,
    DemoSettings,
    make_report_stage,
    make_stages,
)
from perception_kd.demo.stages import Stage

ROOT = Path(__file__).parent.parent.parent


def make(seeds: int = 1, workers: int = 2, tiny: bool = False) -> list[Stage]:
    settings = DemoSettings(Path("out"), Path("drawn"), seeds, workers, tiny)
    return [*make_stages(settings), make_report_stage(settings)]


def test_every_stage_reads_what_an_earlier_one_made() -> None:
    names: list[str] = []
    for stage in make(seeds=2):
        assert set(stage.inputs) <= set(names)
        names.append(stage.name)
    assert len(names) == len(set(names))


def test_files_named_in_a_command_are_outputs_of_its_inputs() -> None:
    outputs = {path: stage.name for stage in make() for path in stage.outputs}
    for stage in make():
        read = {outputs[word] for word in stage.command if word in outputs}
        assert read <= set(stage.inputs)


def test_every_command_and_config_exists() -> None:
    for stage in make():
        assert (ROOT / stage.command[0]).is_file()
    configs = [pretraining.config for pretraining in PRETRAININGS.values()]
    for config in configs + [protocol.config for protocol in PROTOCOLS.values()]:
        assert (ROOT / config).is_file()


def test_arms_differ_in_what_they_start_from_and_in_nothing_else() -> None:
    commands = {stage.name: list(stage.command) for stage in make()}
    for protocol in PROTOCOLS:
        random, slidr = (commands[f"{protocol}-{arm}-seed0"] for arm in ("random", "slidr"))
        place = slidr.index("--pretrained")
        assert slidr[place + 1].startswith("out/pretrain/slidr/seed0/epoch_")
        without = slidr[:place] + slidr[place + 2 :]
        assert [word.replace("/slidr/seed", "/random/seed") for word in without] == random


def test_a_seed_reaches_pretraining_and_probes_alike() -> None:
    trained = [stage for stage in make(seeds=3) if stage.command[0] == "tools/train.py"]
    assert len(trained) == 3 * (len(PRETRAININGS) + len(PROTOCOLS) * len(ARMS))
    for stage in trained:
        seed = stage.command[stage.command.index("--seed") + 1]
        assert stage.name.endswith(f"-seed{seed}")
        assert f"seed{seed}" in str(stage.folder)
        if "--pretrained" in stage.command:
            source = stage.command[stage.command.index("--pretrained") + 1]
            assert f"/seed{seed}/" in source


def test_more_seeds_leave_the_first_ones_as_they_are() -> None:
    more = {stage.name: stage for stage in make(seeds=3)}
    assert all(more[stage.name] == stage for stage in make()[:-1])


def test_the_number_of_workers_is_no_setting() -> None:
    for one, other in zip(make(workers=1), make(workers=8), strict=True):
        assert one.command == other.command


def test_the_tiny_demo_trains_for_an_epoch_on_tiny_data() -> None:
    for stage in make(tiny=True):
        if stage.command[0] == "tools/train.py":
            assert "train_cfg.max_epochs=1" in stage.command
            assert stage.outputs[0].endswith("epoch_1.pth")
        if stage.name == "data":
            assert "--scenes" in stage.command


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match=r"--seeds must be at least 1, but got 0"):
        DemoSettings(seeds=0)
    with pytest.raises(ValueError, match=r"--workers must not be negative, but got -1"):
        DemoSettings(workers=-1)
