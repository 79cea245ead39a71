"""Model folders: safetensors, settings and card, and how they are read back."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from mmengine import Config
from safetensors import safe_open
from safetensors.torch import save

import perception_kd
from perception_kd.export.model_card.card import describe_method
from perception_kd.export.model_card.licenses import UNKNOWN, find_data
from perception_kd.export.model_card.names import name_model
from perception_kd.export.model_card.results import read_results
from perception_kd.export.model_folder import remove_places
from perception_kd.version import __version__
from tests.api.conftest import Trained
from tests.export.networks import SMALL_MINKUNET
from tests.test_configs import CONFIGS
from tools import export

Make = Callable[[str], Trained]
CSV = """task,labels_percent,epochs,metric,initialization,seeds,mean,std,baseline,difference,\
difference_low,difference_high
seg,1,20,mIoU,random,3,20.0,1.5,random,,,
seg,1,20,mIoU,slidr,3,26.04,0.75,random,6.04,2.3,9.78
seg,10,20,mIoU,slidr,1,31.0,,random,4.0,,
"""


@pytest.fixture(scope="module")
def folder(trained: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of SLidR, with all that a person can say."""
    base = tmp_path_factory.mktemp("folder")
    (base / "results.csv").write_text(CSV)
    options = ["--license", "cc-by-nc-4.0", "--data", "drives of a|car", "--data-license", "ours"]
    options += ["--results", str(base / "results.csv"), "--name", "SLidR of a car"]
    words = [str(trained(SMALL_MINKUNET).path), "--to", "safetensors", "--out", str(base / "x")]
    assert export.main([*words, *options]) == 0
    return base / "x"


def test_a_folder_computes_bit_by_bit_what_the_checkpoint_does(folder: Path, trained: Make) -> None:
    run = trained(SMALL_MINKUNET)
    net, expected = (perception_kd.load(path, device="cpu") for path in (folder, run.path))
    own, found = expected.model.state_dict(), net.model.state_dict()
    assert {name for name in own if name not in found} == {
        name for name in own if name.startswith("img_backbone.")
    }
    assert all(torch.equal(value, own[name]) for name, value in found.items())
    feats = [each.points(run.clouds[0]) for each in (net, expected)]
    assert np.abs(feats[0]).max() > 0
    assert np.array_equal(*feats)
    assert net.path == folder / "model.safetensors"


def test_classes_and_ranges_are_kept(trained: Make, tmp_path: Path) -> None:
    content = torch.load(trained(SMALL_MINKUNET).path, weights_only=True)
    ranges = [[0.0] * 5, [50.0, 50.0, 3.0, 255.0, 0.0]]
    content["meta"] |= {"point_ranges": ranges, "epoch": 2, "iter": 8}
    torch.save(content, tmp_path / "x.pth")
    words = [str(tmp_path / "x.pth"), "--to", "safetensors", "--out", str(tmp_path / "out")]
    assert export.main(words) == 0
    net = perception_kd.load(tmp_path / "out", device="cpu")
    cloud = np.tile(np.array([1, 2, 0, 0.5], np.float32), (20, 1))
    cloud[:, 0] = range(20)
    with pytest.raises(ValueError, match="trained with up to 255"):
        net.points(cloud)
    card = (tmp_path / "out" / "README.md").read_text()
    assert "\n# SLidR, MinkUNet, data" in card
    assert "Epochs: 2; steps: 8." in card
    assert "Intensities of the points: 0 to 255." in card
    assert "**not stated**: find out" in card
    assert yaml.safe_load(card.split("---")[1])["license_name"] == "not-stated"


def test_the_card_has_front_matter_and_names_its_sources(folder: Path) -> None:
    card = (folder / "README.md").read_text()
    front = yaml.safe_load(card.split("---")[1])
    assert front["license"] == "cc-by-nc-4.0"
    assert front["library_name"] == "perception_kd"
    assert {"lidar", "slidr", "self-supervised"} < set(front["tags"])
    settings = json.loads((folder / "config.json").read_text())
    assert settings["version"] == __version__
    assert settings["data"] == {"name": "drives of a|car", "license": "ours"}
    for text in (
        "# SLidR of a car",
        "SLidR (https://arxiv.org/abs/2203.16258)",
        "| Data | drives of a/car |",
        f"`{settings['sha256']}`",
        f"perception_kd {__version__}",
        "| seg | 1 % | mIoU | 3 | 26.0 ± 0.8 | random | +6.0 [+2.3, +9.8] |",
        "| seg | 10 % | mIoU | 1 | 31.0 | random | +4.0 |",
        "perception_kd.load(",
    ):
        assert text in card
    assert "seg | 1 % | mIoU | 3 | 20.0" not in card


def test_a_folder_tells_no_path_of_the_machine(folder: Path, trained: Make) -> None:
    content = torch.load(trained(SMALL_MINKUNET).path, weights_only=True)
    (root,) = set(re.findall(r"'data_root': '(/.*?)'", content["meta"]["cfg"]))
    for name in ("config.json", "README.md"):
        assert root not in (folder / name).read_text()
    assert not re.search(
        r"""(?<![\w:/.<])/(home|tmp|root|data)/""", (folder / "config.json").read_text()
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/me/J Doe/data", "data"),
        ("~/recordings/x", "x"),
        ("C:\\Users\\me\\x.pth", "x.pth"),
        ("make --root /home/me/a --out=/b/c", "make --root a --out=c"),
        ("see sqlite:///home/me/runs.db", "see runs.db"),
        ("file:///home/me/x", "x"),
        ("nus:/data/x, ~/y/z", "nus:x, z"),
        ("https://arxiv.org/abs/1", "https://arxiv.org/abs/1"),
        ("data/nuscenes/v1.0", "data/nuscenes/v1.0"),
        (("/a/b", 1), ("b", 1)),
    ],
)
def test_absolute_paths_become_their_last_part(text: Any, expected: Any) -> None:
    assert remove_places({"a": [text]}) == {"a": [expected]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("cut", "model.safetensors is truncated: it has .* bytes of .*; copy or download it again"),
        ("flipped", "has the SHA-256 .* one of the two is damaged"),
        ("pointer", "model.safetensors is a pointer of Git LFS, .* git lfs pull"),
        ("json", "config.json is not JSON .* it is damaged; copy or download it again"),
        ("binary", "config.json is not JSON .* it is damaged"),
        ("newer", "config.json has format_version 99, which perception_kd .* wrote; this one read"),
        ("foreign", "must have the entries meta and sha256"),
        ("swapped", "has the SHA-256"),
    ],
)
def test_a_damaged_folder_is_refused(
    change: str, message: str, folder: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    weights, settings = copy / "model.safetensors", copy / "config.json"
    if change == "cut":
        weights.write_bytes(weights.read_bytes()[:-1000])
    elif change == "flipped":
        data = weights.read_bytes()
        weights.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif change == "swapped":
        weights.write_bytes(save({"weight": torch.zeros(2)}))
    elif change == "pointer":
        weights.write_bytes(b"version https://git-lfs.github.com/spec/v1" + b"\0" * 100)
    elif change == "binary":
        settings.write_bytes(bytes(range(256)))
    elif change == "newer":
        content = json.loads(settings.read_text())
        settings.write_text(json.dumps({**content, "format_version": 99}))
    else:
        settings.write_text("{" if change == "json" else '{"model_type": "bert"}')
    with pytest.raises(ValueError, match=message):
        perception_kd.load(copy, device="cpu")


def test_a_file_stands_for_its_folder_and_a_missing_one_is_named(
    folder: Path, tmp_path: Path
) -> None:
    for name in ("model.safetensors", "config.json"):
        assert perception_kd.load(folder / name, device="cpu").path == folder / "model.safetensors"
        copy = Path(shutil.copytree(folder, tmp_path / name.split(".")[0]))
        (copy / name).unlink()
        with pytest.raises(FileNotFoundError, match=rf"No {name} in the folder {copy}, .* again"):
            perception_kd.load(copy)
    shutil.copy(folder / "model.safetensors", tmp_path / "alone.safetensors")
    with pytest.raises(ValueError, match=r"alone.safetensors has no config .* give a folder"):
        perception_kd.load(tmp_path / "alone.safetensors")


def test_a_folder_is_as_other_libraries_expect_it(folder: Path) -> None:
    with safe_open(folder / "model.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt"}


def test_a_config_serves_folders_of_checkpoints_without_one(
    folder: Path, trained: Make, tmp_path: Path
) -> None:
    run = trained(SMALL_MINKUNET)
    content = torch.load(run.path, weights_only=True)
    del content["meta"]["cfg"]
    torch.save(content, tmp_path / "x.pth")
    config = ["--config", str(CONFIGS / SMALL_MINKUNET)]
    words = [str(tmp_path / "x.pth"), "--to", "safetensors", "--out", str(tmp_path / "out")]
    assert export.main([*words, *config]) == 0
    nets = [perception_kd.load(path, device="cpu") for path in (tmp_path / "out", folder)]
    nets.append(perception_kd.load(folder, device="cpu", config=config[1]))
    feats = [net.points(run.clouds[0]) for net in nets]
    assert np.array_equal(feats[0], feats[1])
    assert np.array_equal(feats[0], feats[2])


def test_a_failed_export_leaves_no_folder(
    trained: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("perception_kd.export.model_folder.write_whole", write)
    words = [str(trained(SMALL_MINKUNET).path), "--to", "safetensors"]
    assert export.main([*words, "--out", str(tmp_path / "new" / "out")]) != 0
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_named(
    trained: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    words = [str(trained(SMALL_MINKUNET).path), "--to", "safetensors"]
    assert export.main([*words, "--out", str(tmp_path / "file" / "out")]) == 2
    assert "--out" in capsys.readouterr().err.splitlines()[-1]


def test_weights_of_another_format_are_refused(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    settings = json.loads((copy / "config.json").read_text())
    (copy / "model.safetensors").write_bytes(b"no tensors")
    settings["sha256"] = hashlib.sha256(b"no tensors").hexdigest()
    (copy / "config.json").write_text(json.dumps(settings))
    with pytest.raises(ValueError, match=r"Cannot read .*model.safetensors"):
        perception_kd.load(copy, device="cpu")


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("slidr/slidr_r50-mocov2_voxelnet_1xb6-sgd-cosine-50e_nus.py", "SLidR, VoxelNet, x"),
        ("calico/prc_voxel01_8xb4-cyclic-20e_nus.py", "PRC of CALICO, VoxelNet, x"),
        (
            "calico/rad_r50-lss_pillar02_8xb4-cyclic-20e_nus.py",
            "RAD of CALICO, ResNet-50 and PointPillars, x",
        ),
        ("mapseg/mapseg_swint-lss_8xb4-cyclic-20e_nus.py", "BEV map segmentation, SwinTransf"),
    ],
)
def test_models_are_named_by_method_networks_and_data(config: str, expected: str) -> None:
    model = Config.fromfile(CONFIGS / config).model
    assert name_model(model, "x").startswith(expected)


def test_data_is_named_as_far_as_a_checkpoint_says() -> None:
    assert "nuScenes itself: CC BY-NC-SA 4.0" in find_data({"dataset": "nuscenes"}).license
    assert find_data({"dataset": "folder"}).license == UNKNOWN
    assert find_data({"dataset": "nuscenes-like"}).license == UNKNOWN
    assert find_data({}).name == "data that the checkpoint does not name"
    assert describe_method("BEVDetector") == "training of 3D detection with labels"


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("a,b\n1,2\n", None, "must have the columns task"),
        (CSV, "prc", "has random, slidr; name the one"),
        (CSV.replace("26.04", "many"), None, "a field that is not a number"),
        ("", None, "must have the columns"),
    ],
)
def test_wrong_results_are_refused(text: str, key: Any, message: str, tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_results(tmp_path / "results.csv", key)
    with pytest.raises(FileNotFoundError, match="give results"):
        read_results(tmp_path / "none.csv", None)
