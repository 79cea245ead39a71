"""tools/browse_pairs.py with and without a config, and with wrong paths."""

import importlib.util
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from perception_kd.io.caches.cache import Cache
from perception_kd.superpixels.codec import encode_superpixels
from tests.datasets.small_dataset import CAMERAS, HEIGHT, WIDTH, make_small_dataset

TOOL = Path(__file__).parents[2] / "tools" / "browse_pairs.py"
CONFIG = """
model = dict(type="SuperpixelDistillation")
train_dataloader = dict(dataset=dict(pipeline=[
    dict(type="LoadPoints"),
    dict(type="LoadImages"),
    dict(type="LoadSuperpixels", cache="somewhere/else", settings=dict(num=3)),
    dict(type="PairPointsWithPixels"),
    dict(type="RandomRotateZ"),
    dict(type="RandomResizedCrop", size=(14, 26), min_pairs=2),
    dict(type="PackInputs"),
]))
"""


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("browse_pairs", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_small_dataset(tmp_path_factory.mktemp("small"))
    cache = Cache.create(root / "superpixels" / "a", "superpixels", {"num": 4}, ".png", {})
    for camera in CAMERAS:
        for scene in range(4):
            for index in range(2):
                superpixels = np.arange(HEIGHT * WIDTH, dtype=np.int32).reshape(HEIGHT, WIDTH) // 90
                cache.write(f"{camera}-{scene}-{index}", encode_superpixels(superpixels))
    return root


def options(root: Path, out_dir: Path, *more: str) -> list[str]:
    return [
        *("--info", str(root / "infos.pkl"), "--data-root", str(root)),
        *("--out-dir", str(out_dir), *more),
    ]


def test_one_image_per_sample_spread_over_the_file(
    tool: ModuleType, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tool.main(options(root, tmp_path / "new" / "folder", "--num", "3")) == 0
    names = sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    assert names == ["000000_0-0.png", "000004_2-0.png", "000007_3-1.png"]
    assert len(capsys.readouterr().out.splitlines()) == 3
    image = cv2.imread(str(tmp_path / "new" / "folder" / names[0]))
    assert image.shape[1] == 2400


def test_superpixels_and_a_configs_pipeline(
    tool: ModuleType, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    (tmp_path / "config.py").write_text(CONFIG)
    images = []
    for more in (["--augment", str(tmp_path / "config.py"), "--seed", "1"], []):
        given = ["--superpixels", "superpixels/a", "--num", "1", *more]
        assert tool.main(options(root, tmp_path / "out", *given)) == 0
        images.append(cv2.imread(str(tmp_path / "out" / "000000_0-0.png")))
    assert images[0].shape != images[1].shape  # the crop has another ratio


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--info", "nowhere.pkl"], "No info file at"),
        (["--data-root", "nowhere"], "No LiDAR sweep at"),
        (["--superpixels", "nowhere"], "There is no cache of superpixels"),
        (["--augment", "nowhere.py"], "nowhere.py"),
        (["--out-dir", __file__], "Cannot write to --out-dir"),
        (["--num", "0"], "--num must be at least 1, but got 0"),
    ],
)
def test_a_wrong_path_ends_in_one_line(
    tool: ModuleType,
    root: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    wrong: list[str],
    message: str,
) -> None:
    assert tool.main(options(root, tmp_path, *wrong)) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert len(error.splitlines()) == 1
