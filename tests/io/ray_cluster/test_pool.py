"""Jobs on a real Ray cluster, of which a node is killed in the middle of a stage."""

import os
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from perception_kd.engine.ending.explaining import explain_error
from perception_kd.io.atomic import write_whole
from perception_kd.io.caches.cache import Cache
from perception_kd.io.caches.fill import fill_cache
from perception_kd.io.listed_files import ImageFile
from perception_kd.io.ray_cluster import pool as pool_module
from perception_kd.io.workers import Workers, run_jobs
from perception_kd.structures import Image
from perception_kd.superpixels.backends import get_backend
from perception_kd.superpixels.create import SuperpixelMaker
from perception_kd.superpixels.settings import SlicSettings
from tests.faults import PATIENCE_S, Tool
from tests.io.ray_cluster.small_cluster import SmallCluster

pytestmark = pytest.mark.slow
NUMBER = 30
SETTINGS = SlicSettings("skimage", num_segments=20)


class NotingMaker(SuperpixelMaker):
    """Note each attempt to make an entry; on a doomed node, it never ends."""

    def __init__(self, notes: Path) -> None:
        super().__init__(SETTINGS)
        self.notes = notes

    def read(self, source: ImageFile) -> Image:
        """Read an image."""
        (self.notes / f"{source.key} {os.getpid()}").touch()
        time.sleep(0.2)
        doomed = self.notes.parent / "doomed"
        if doomed.exists() and doomed.read_text() == get_node_id():
            (self.notes.parent / "stuck").touch()
            time.sleep(1000)
        return super().read(source)


def get_node_id() -> str:
    """Return the name of the node that this process belongs to."""
    import ray

    return str(ray.get_runtime_context().get_node_id())


def wait_for_nodes(cluster: SmallCluster, number: int) -> None:
    """Wait until jobs run on a number of nodes, some time after their start."""
    end = time.monotonic() + PATIENCE_S
    while len({node for _, node in run_jobs(name_node, range(4), cluster.pool)}) < number:
        assert time.monotonic() < end


def name_node(_: int) -> str:
    """Return the name of the node that runs this, as long as other jobs may begin."""
    time.sleep(0.3)
    return get_node_id()


def make_images(folder: Path) -> list[ImageFile]:
    folder.mkdir()
    random = np.random.default_rng(0)
    images = []
    for i in range(NUMBER):
        path = folder / f"{i:02}.png"
        small = random.integers(0, 256, (6, 8, 3), np.uint8)
        cv2.imwrite(str(path), cv2.resize(small, (64, 48)))
        images.append(ImageFile(key=path.stem, path=str(path), size=(48, 64)))
    return images


def fill(folder: Path, images: Sequence[ImageFile], workers: Workers) -> Cache:
    """Fill a cache of its own in a folder."""
    (folder / "notes").mkdir(parents=True, exist_ok=True)
    maker = NotingMaker(folder / "notes")
    cache = Cache.create(folder / "cache", maker.kind, SETTINGS.as_dict(), maker.extension, {})
    filled = fill_cache(cache, maker, images, workers=workers, progress=False)
    assert (filled.num_made, filled.num_kept, filled.failed) == (NUMBER, 0, {})
    return cache


def read_all(cache: Cache) -> dict[str, bytes]:
    """Return all files but the manifest, which has the time."""
    paths = [path for path in cache.folder.iterdir() if path.name != "manifest.json"]
    return {path.name: path.read_bytes() for path in paths}


def test_a_killed_node_loses_no_entry_and_makes_none_twice(
    tmp_path: Path, ray_cluster: SmallCluster
) -> None:
    images = make_images(tmp_path / "images")
    node = ray_cluster.add_node()
    wait_for_nodes(ray_cluster, 2)
    notes = tmp_path / "ray/notes"
    seen = list[str]()

    def kill_in_the_middle() -> None:
        while len({name.split()[1] for name in os.listdir(notes)}) < 2:
            if ended.wait(0.01):  # until both nodes work
                return
        write_whole(notes.parent / "doomed", node.node_id.encode())
        while not (notes.parent / "stuck").exists():
            if ended.wait(0.01):  # until it is in the middle of an entry
                return
        ray_cluster.kill_node(node)
        (tmp_path / "ray/cache/.00.png.elsewhere-1.tmp").touch()  # as a node may leave one
        seen.extend(os.listdir(notes))

    notes.mkdir(parents=True)
    ended = threading.Event()
    killer = threading.Thread(target=kill_in_the_middle)
    killer.start()
    try:
        made = fill(tmp_path / "ray", images, ray_cluster.pool)
    finally:
        ended.set()
        killer.join()
    assert 0 < len(seen) < NUMBER
    attempts = [name.split()[0] for name in os.listdir(notes)]
    assert set(attempts) == {image.key for image in images}
    # Only what the node was making when it was killed is made again.
    assert len(attempts) == NUMBER + 1
    assert read_all(made) == read_all(fill(tmp_path / "here", images, workers=0))
    assert len(read_all(made)) == NUMBER


def test_errors_of_jobs_are_those_of_local_ones(ray_cluster: SmallCluster) -> None:
    jobs = [0.0, -1.0, 300.0]
    with pytest.raises(ValueError, match="must be non-negative") as caught:
        list(run_jobs(time.sleep, jobs, ray_cluster.pool))
    assert explain_error(caught.value) is None
    with pytest.raises(ValueError, match="no_such_backend") as caught:
        list(run_jobs(get_backend, ["no_such_backend"], ray_cluster.pool))
    assert explain_error(caught.value) == str(caught.value)
    assert list(run_jobs(abs, [-2, -1], ray_cluster.pool, in_order=True)) == [(-2, 2), (-1, 1)]


def test_a_job_that_ends_its_process_is_given_up(
    ray_cluster: SmallCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "_RETRIES", 1)
    with pytest.raises(ChildProcessError, match="lost 2 times, most likely because its memory"):
        list(run_jobs(os._exit, [1], ray_cluster.pool))


SCRIPT = """
import argparse, os, pathlib, sys, time
from perception_kd.engine.commands.command_line import run_tool
from perception_kd.io.ray_cluster.pool import RayPool
from perception_kd.io.workers import run_jobs

def work(path):
    pathlib.Path(path).write_text(str(os.getpid()))
    time.sleep(1000)

def command(args):
    list(run_jobs(work, [sys.argv[2]] * 8, RayPool(sys.argv[1])))

if __name__ == "__main__":
    sys.exit(run_tool(command, argparse.Namespace, "To continue, run it again."))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_jobs_on_the_cluster(
    tmp_path: Path, ray_cluster: SmallCluster, number: signal.Signals
) -> None:
    (tmp_path / "work.py").write_text(SCRIPT)
    path = tmp_path / "pid"
    words: list[str | Path] = [tmp_path / "work.py", ray_cluster.pool.address, path]
    with Tool(words, tmp_path) as tool:
        tool.wait_until(lambda: path.exists() and path.read_text())
        tool.send(number, to_all=True)
        assert tool.end() == 128 + number
        assert tool.output == "\nStopped. To continue, run it again.\n"
    end = time.monotonic() + 60
    while Path(f"/proc/{path.read_text()}").exists():
        assert time.monotonic() < end
        time.sleep(0.05)
