"""``create_data.py superpixels`` on small images: made, resumed, refused, stopped."""

import argparse
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from perception_kd.io.caches.cache import Cache
from perception_kd.io.errors import BrokenFileError
from perception_kd.io.info_file import read_info
from perception_kd.io.info_writer import make_metainfo, write_info
from perception_kd.io.listed_files import ImageFile, list_images
from perception_kd.structures import Image
from perception_kd.superpixels.codec import SUPERPIXELS, load_superpixels
from perception_kd.superpixels.command import add_arguments, run
from perception_kd.superpixels.slic import slic_fast

HEIGHT, WIDTH = 48, 64
CAMERAS = ("CAM_FRONT", "CAM_BACK")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two samples with two cameras each, as a data set with an info file."""
    rng = np.random.default_rng(0)
    samples = []
    for i in range(2):
        images = {}
        for camera in CAMERAS:
            path = tmp_path / "samples" / camera / f"{i}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            small = rng.integers(0, 256, (6, 8, 3)).astype(np.uint8)
            cv2.imwrite(str(path), cv2.resize(small, (WIDTH, HEIGHT)))
            images[camera] = {"img_path": path.name, "sample_data_token": f"{camera}-{i}"}
        samples.append({"images": images})
    prefix = {camera: f"samples/{camera}" for camera in CAMERAS}
    metainfo = make_metainfo("nuscenes", "v1.0-mini", "convert", data_prefix=prefix)
    write_info(tmp_path / "infos.pkl", metainfo, samples)
    return tmp_path


def create(root: Path, *options: str) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    base = ["--info", str(root / "infos.pkl"), "--data-root", str(root)]
    run(parser.parse_args([*base, "--num-segments", "12", "--workers", "0", *options]))


def open_cache(root: Path, name: str = "fast_12") -> Cache:
    return Cache.open(root / "superpixels" / name, SUPERPIXELS)


def get_times(cache: Cache) -> dict[str, int]:
    return {key: cache.path(key).stat().st_mtime_ns for key in sorted(cache.keys())}


def test_images_are_found_by_token_and_prefix(root: Path) -> None:
    info = read_info(root / "infos.pkl")
    images = list_images("infos.pkl", info, root, ["CAM_BACK"])
    assert images == [
        ImageFile(f"CAM_BACK-{i}", f"{root}/samples/CAM_BACK/{i}.jpg", None) for i in (0, 1)
    ]
    assert len(list_images("infos.pkl", info, root)) == 4
    with pytest.raises(ValueError, match=r"among \['CAM_BACK', 'CAM_FRONT'\], but got \['LEFT'\]"):
        list_images("infos.pkl", info, root, ["LEFT"])


def test_the_cache_holds_the_segments_of_each_image(root: Path) -> None:
    create(root)
    cache = open_cache(root)
    assert cache.keys() == {f"{camera}-{i}" for camera in CAMERAS for i in (0, 1)}
    image = cv2.imread(str(root / "samples/CAM_BACK/1.jpg"))[..., ::-1]
    expected = slic_fast(np.ascontiguousarray(image), 12, 6.0, 3.0)
    superpixels = load_superpixels(cache, "CAM_BACK-1", (HEIGHT, WIDTH))
    # Relabeled: the same partition, numbered without gaps.
    pairs = set(zip(superpixels.ravel().tolist(), expected.ravel().tolist(), strict=True))
    assert len(pairs) == len(np.unique(superpixels)) == len(np.unique(expected)) > 5
    assert superpixels.max() + 1 == len(np.unique(superpixels))


def test_the_manifest_is_filled_in(root: Path) -> None:
    create(root, "--backend", "skimage", "--compactness", "8")
    manifest = json.loads((root / "superpixels/skimage_12/manifest.json").read_text())
    settings = {"backend": "skimage", "num_segments": 12, "compactness": 8.0, "sigma": 3.0}
    assert manifest["settings"] == settings
    assert manifest["num_entries"] == 4
    (source,) = manifest["sources"]
    assert source["made_with"].startswith("scikit-image ")
    assert "--backend skimage --num-segments 12 --compactness 8.0" in source["command"]


def test_a_second_run_makes_only_what_is_missing(root: Path) -> None:
    create(root, "--cameras", "CAM_FRONT")
    before = get_times(open_cache(root))
    assert list(before) == ["CAM_FRONT-0", "CAM_FRONT-1"]
    create(root)
    after = get_times(open_cache(root))
    assert len(after) == 4
    assert {key: after[key] for key in before} == before


def test_one_cache_takes_the_images_of_several_info_files(root: Path) -> None:
    info = read_info(root / "infos.pkl")
    for i, sample in enumerate(info["data_list"]):
        write_info(root / f"{i}.pkl", info["metainfo"], [sample])
    create(root, "--info", str(root / "0.pkl"), str(root / "1.pkl"))
    cache = open_cache(root)
    assert len(cache.keys()) == 4
    assert [Path(s["info_file"]).name for s in cache.manifest["sources"]] == ["0.pkl", "1.pkl"]


def test_no_resume_makes_all_entries_again(root: Path) -> None:
    create(root)
    before = get_times(open_cache(root))
    create(root, "--no-resume")
    after = get_times(open_cache(root))
    assert all(after[key] > before[key] for key in before)


def test_verify_replaces_only_broken_files(root: Path) -> None:
    create(root)
    cache = open_cache(root)
    before = get_times(cache)
    path = cache.path("CAM_BACK-0")
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    create(root, "--verify")
    assert path.read_bytes() == whole
    del before["CAM_BACK-0"]
    assert before.items() <= get_times(cache).items()


def test_other_settings_are_not_mixed_in(root: Path) -> None:
    folder = str(root / "mine")
    create(root, "--out-dir", folder)
    with pytest.raises(ValueError, match=r"sigma is 3.0, not 2.0"):
        create(root, "--out-dir", folder, "--sigma", "2")


def test_a_wrong_data_root_is_refused_first(root: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"No data set at .*; give its folder"):
        create(root, "--data-root", str(root / "nowhere"))
    assert not (root / "superpixels").exists()


def test_a_cache_that_cannot_be_written_to_is_named(root: Path) -> None:
    with pytest.raises(PermissionError, match=r"Cannot write to --out-dir .*infos.pkl/a"):
        create(root, "--out-dir", str(root / "infos.pkl" / "a"))


def test_unreadable_images_are_named_at_the_end(root: Path) -> None:
    (root / "samples/CAM_FRONT/0.jpg").unlink()
    cut = root / "samples/CAM_FRONT/1.jpg"
    cut.write_bytes(cut.read_bytes()[:-40])
    message = r"2 of 4 images cannot be read(.|\n)*No image at .*0.jpg(.|\n)*1.jpg is truncated"
    with pytest.raises(BrokenFileError, match=message):
        create(root)
    assert open_cache(root).keys() == {"CAM_BACK-0", "CAM_BACK-1"}
    assert open_cache(root).manifest["num_entries"] == 2


def test_an_interrupted_run_resumes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = iter(range(10))

    def stop_at_the_third(image: Any, *settings: Any) -> Any:
        if next(count) == 2:
            raise KeyboardInterrupt
        return slic_fast(image, *settings)

    monkeypatch.setattr("perception_kd.superpixels.slic.slic_fast", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        create(root)
    assert open_cache(root).manifest["num_entries"] == 2
    before = get_times(open_cache(root))
    create(root)
    assert len(get_times(open_cache(root))) == 4
    assert before.items() <= get_times(open_cache(root)).items()


def test_a_custom_backend_is_used(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "halves_of_mine.py").write_text(
        "import numpy as np\n"
        "def segment(image, num_segments, compactness, sigma):\n"
        "    columns = np.arange(image.shape[1])\n"
        "    ids = np.where(columns < 9, 70, np.where(columns < 20, -5, 1000))\n"
        "    return np.broadcast_to(ids, image.shape[:2])\n"
        "def wrong(image, num_segments, compactness, sigma):\n"
        "    return np.zeros((2, 2), int)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    create(root, "--backend", "halves_of_mine:segment")
    superpixels = load_superpixels(
        open_cache(root, "halves_of_mine.segment_12"), "CAM_BACK-0", (HEIGHT, WIDTH)
    )
    assert superpixels[0].tolist() == [0] * 9 + [-1] * 11 + [1] * 44
    with pytest.raises(ValueError, match=r"of shape \(48, 64\), but got \(2, 2\)"):
        create(root, "--backend", "halves_of_mine:wrong")


def test_previews_show_the_borders(root: Path) -> None:
    create(root, "--out-dir", str(root / "superpixels" / "without"))
    create(root, "--preview", "2")
    cache = open_cache(root)
    assert not (open_cache(root, "without").folder / "preview").exists()
    paths = sorted((cache.folder / "preview").iterdir())
    assert len(paths) == 2
    drawn = cv2.imread(str(paths[0]))[..., ::-1]
    superpixels = load_superpixels(cache, paths[0].stem, (HEIGHT, WIDTH))
    row, col = np.argwhere(superpixels[:, :-1] != superpixels[:, 1:])[0]
    assert drawn[row, col].tolist() == [255, 255, 0]
    assert cache.keys() == {f"{camera}-{i}" for camera in CAMERAS for i in (0, 1)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--num-segments", "0"], "num_segments must be at least 1, but got 0"),
        (["--compactness", "0"], "compactness must be positive, but got 0.0"),
        (["--sigma", "-1"], "sigma must not be negative, but got -1.0"),
        (["--workers", "-1"], "--workers must be at least 0, but got -1"),
        (["--preview", "-1"], "--preview must be at least 0, but got -1"),
        (["--backend", "slow"], "backend must be one of fast, skimage, skimage_half or module"),
    ],
)
def test_wrong_options_are_refused_first(root: Path, options: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create(root, *options)
    assert not (root / "superpixels").exists()


@pytest.mark.slow
def test_worker_processes_make_the_same_files(root: Path) -> None:
    create(root)
    create(root, "--out-dir", str(root / "two"), "--workers", "2")
    one, two = open_cache(root), Cache.open(root / "two", SUPERPIXELS)
    assert one.keys() == two.keys()
    assert all(one.path(k).read_bytes() == two.path(k).read_bytes() for k in get_times(one))


def no_segments(image: Image, num_segments: int, compactness: float, sigma: float) -> Any:
    """Find nothing, as a backend of a user might."""
    return np.full(image.shape[:2], -1)


def test_images_without_any_superpixel_are_an_error(root: Path) -> None:
    backend = f"{__name__}:no_segments"
    with pytest.raises(ValueError, match=r"segments from 0, but got none for an image of \(48, 64"):
        create(root, "--backend", backend)


def test_entries_under_another_name_are_found_and_made_again(root: Path) -> None:
    create(root)
    cache = open_cache(root)
    first, second = cache.path("CAM_BACK-0"), cache.path("CAM_BACK-1")
    originals = first.read_bytes(), second.read_bytes()
    first.write_bytes(originals[1])
    second.write_bytes(originals[0])
    message = r"CAM_BACK-0\.png was made for CAM_BACK-1, not for CAM_BACK-0.*superpixels --info"
    with pytest.raises(BrokenFileError, match=message):
        load_superpixels(cache, "CAM_BACK-0", (HEIGHT, WIDTH))
    create(root, "--verify")
    assert (first.read_bytes(), second.read_bytes()) == originals


def test_entries_of_replaced_images_are_made_again(root: Path) -> None:
    folder = root / "samples/CAM_BACK"
    one, other = ((folder / name).read_bytes() for name in ("0.jpg", "1.jpg"))
    size = max(len(one), len(other))  # equal, so that only the contents tell them apart
    (folder / "0.jpg").write_bytes(one.ljust(size, b"\0"))
    create(root)
    cache = open_cache(root)
    before = cache.path("CAM_BACK-0").read_bytes()
    (folder / "0.jpg").write_bytes(other.ljust(size, b"\0"))
    create(root, "--verify")
    assert cache.path("CAM_BACK-0").read_bytes() != before
