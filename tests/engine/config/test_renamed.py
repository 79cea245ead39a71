"""Old names of configs."""

import json
from pathlib import Path

import pytest
from mmengine import Config

from perception_kd.engine.config import renamed as renamed_configs
from perception_kd.engine.config.renamed import TABLE, find_config
from perception_kd.engine.run.launch import read_config
from tests.test_configs import CONFIGS

RENAMED = json.loads((CONFIGS / TABLE).read_text())


@pytest.mark.parametrize("old", sorted(RENAMED))
def test_an_old_name_leads_to_one_config(old: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(renamed_configs, "print_log", lambda line, **_: lines.append(line))
    assert not (CONFIGS / old).exists()
    found = find_config(CONFIGS / old)
    assert found == CONFIGS / RENAMED[old]
    assert found.is_file()
    assert lines == [f"{CONFIGS / old} was renamed; reading {found}."]


def test_the_tools_read_a_renamed_config() -> None:
    old = CONFIGS / "det" / "lidar-pillar02_8xb4-cyclic-20e_nus-5pct.py"
    new = CONFIGS / "det" / "det_pillar02_8xb4-cyclic-20e_nus-5pct.py"
    cfg = read_config(old)
    assert cfg.model == Config.fromfile(new).model
    assert cfg.work_dir == f"work_dirs/{new.stem}"


@pytest.mark.parametrize("folder", ["calico", "."])
def test_an_old_name_is_found_from_every_folder(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(CONFIGS / folder)
    old = CONFIGS / "calico" / "prc_pillar02_1xb2-adamw-cosine-8e_synthetic.py"
    assert find_config(old.relative_to(CONFIGS / folder)).is_file()


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"No config at .*none\.py; give its path\.$"):
        find_config(tmp_path / "none.py")


def test_a_misspelled_name_is_answered_with_those_alike(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"; did you mean .* or .*\?$") as error:
        find_config(tmp_path / "prc_pillar04-smal_1xb2-adamw-cosine-8e_synthetic.py")
    near = str(error.value).split("did you mean ")[1].rstrip("?").split(" or ")
    assert Path(near[0]).name == "prc_pillar04-small_1xb2-adamw-cosine-8e_synthetic.py"
    assert all(Path(path).is_file() for path in near)


def suggestions(given: Path) -> list[Path]:
    with pytest.raises(FileNotFoundError, match=r"; did you mean .*\?$") as error:
        find_config(given)
    near = str(error.value).split("did you mean ")[1].rstrip("?").split(" or ")
    return [Path(path).resolve() for path in near]


@pytest.mark.parametrize("smoke", sorted(CONFIGS.glob("*/smoke/*.py")), ids=lambda path: path.stem)
def test_a_typo_suggests_the_config_before_its_smoke_test(smoke: Path) -> None:
    config = smoke.parents[1] / smoke.name
    typo = f"{config.stem}s.py"
    near = suggestions(config.with_name(typo))
    assert near[0] == config
    assert not any("smoke" in path.parts for path in near)
    assert suggestions(smoke.with_name(typo))[0] == smoke
    assert suggestions(config.parent.parent / "other" / config.name)[0] == config


@pytest.mark.parametrize("name", ["slidr_efflite0", "slidr_efflite0_minkunet-sm", "slidr"])
def test_an_unfinished_name_suggests_how_it_continues(name: str) -> None:
    near = suggestions(CONFIGS / "slidr" / f"{name}.py")
    assert near
    assert all(path.name.startswith(name) and path.parent.name == "slidr" for path in near)


def test_a_path_without_the_configs_folder_is_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CONFIGS.parent)
    given = Path("calico/prc_pillar02_8xb4-cyclic-20e_nus.py")
    assert suggestions(given) == [CONFIGS / given]
