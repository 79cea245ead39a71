"""A step of SLidR with its teacher, and from a cache of the teacher's features."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine import Config
from mmengine.registry import init_default_scope
from torch import Tensor

from perception_kd.benchmarks.harness import BenchmarkSettings, Case, Row, compare
from perception_kd.benchmarks.loading import SLIDR_CONFIG
from perception_kd.benchmarks.superpixel_loss import make_batch
from perception_kd.datasets.stored_views import TEACHER, StoredView, spread_rows
from perception_kd.engine.teacher_cache.rows import make_mean_entry
from perception_kd.io.caches.rows import RowCache
from perception_kd.models.backbones.teacher_identity import describe_teacher
from perception_kd.ops.segment_pool import pool_upsampled
from perception_kd.registry import MODELS

_VIEWS, _HEIGHT, _WIDTH, _IDS = 6, 224, 416, 150
_BEAMS, _COLUMNS, _SENSOR_HEIGHT = 32, 1085, 1.84


class StepInputs(NamedTuple):
    """Networks and data that both steps start from.

    Attributes:
        model: SLidR as published, the weights of the teacher random.
        batch: One sample of six views of 224x416 px, with images.
        cache: The teacher's features of these views.
        keys: Key of each view in the cache.
        samples: What the batch says about its cache.
    """

    model: Any
    batch: dict[str, Any]
    cache: RowCache
    keys: list[str]
    samples: list[Any]


def benchmark_teacher_cache(settings: BenchmarkSettings) -> Iterator[Row]:
    """Compare CPU seconds of a training step, with reading of the cache.

    A step is the forward and backward pass and the optimizer, for one sample of a
    sweep of 34,720 points and six cameras. ``max_abs_diff`` is that of the projected
    means of superpixels, before they are normalized, in shares of the largest.

    Args:
        settings: Repeats, of which the fastest counts; the device is a CPU.

    Yields:
        One row.
    """
    with tempfile.TemporaryDirectory(prefix="teacher_cache_") as folder:
        cfg = Config.fromfile(Path(__file__).parents[2] / SLIDR_CONFIG)
        init_default_scope(cfg.default_scope)
        cfg.model.img_backbone.backbone.checkpoint = None
        yield compare_cached_step(prepare_step(cfg.model, Path(folder)), settings)


def compare_cached_step(inputs: StepInputs, settings: BenchmarkSettings) -> Row:
    """Take steps with the teacher and from the cache alternately."""
    model, batch = inputs.model, inputs.batch
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=1e-6)
    without = {key: value for key, value in batch.items() if key != "imgs"}

    def step(given: dict[str, Any]) -> Sequence[Tensor]:
        optimizer.zero_grad()
        model(given, inputs.samples, mode="loss")["loss_contrast"].backward()
        optimizer.step()
        return []

    diff = compare_means(inputs)
    case = Case(
        "teacher_cache",
        "the same step with the teacher in it: ResNet-50, stride 4",
        lambda: step({**without, "superpixel_feats": read_means(inputs)}),
        lambda: step(batch),
        has_results=False,
    )
    return {**compare(case, settings, time.process_time), "max_abs_diff": diff}


def read_means(inputs: StepInputs) -> Tensor:
    """Read the means over all superpixels of the batch, (S, C), as a pipeline does."""
    entries = [inputs.cache.read_rows(key) for key in inputs.keys]
    return torch.from_numpy(np.concatenate([spread_rows(e, _IDS) for e in entries])).float()


@torch.no_grad()
def compare_means(inputs: StepInputs) -> float:
    """Return the largest difference of projected means, in shares of the largest."""
    head, batch = inputs.model.img_head, inputs.batch
    projected = head.project(inputs.model.img_backbone(batch["imgs"]))
    exact, _ = pool_upsampled(
        projected, batch["superpixels"], batch["num_superpixels"], head.upsample
    )
    stored = head.conv(read_means(inputs)[:, :, None, None]).flatten(1)
    return float((exact - stored).abs().max() / exact.abs().max())


@torch.no_grad()
def prepare_step(model_config: dict[str, Any], folder: Path) -> StepInputs:
    """Build the networks, a batch, and the cache of its views."""
    torch.manual_seed(0)
    model: Any = MODELS.build(model_config).train()
    batch = make_sample()
    teacher = describe_teacher(model.img_backbone)
    settings = {"channels": teacher["channels"], "teacher": teacher}
    cache = RowCache.create(folder / TEACHER, TEACHER, settings, ".bin", {})
    maps = model.img_backbone(batch["imgs"])
    keys = [f"view{number}" for number in range(_VIEWS)]
    view = StoredView(0, 0, _HEIGHT, _WIDTH, 0)
    for number, key in enumerate(keys):
        ids = batch["superpixels"][number] - number * _IDS
        cache.append([(key, make_mean_entry(maps[number], ids, view, model.img_head))])
    described = SimpleNamespace(teacher_cache={"folder": str(folder), "teacher": teacher})
    return StepInputs(model, batch, cache, keys, [described])


def make_sample() -> dict[str, Any]:
    """Make a batch of one sample: random images, wavy superpixels, a sweep."""
    generator = torch.Generator().manual_seed(0)
    drawn = make_batch(_VIEWS, _HEIGHT, _WIDTH)
    points = scan_street()
    number = len(drawn.point_superpixels)
    pixels = torch.rand(number, 3, generator=generator) * torch.tensor([_VIEWS, _HEIGHT, _WIDTH])
    return {
        "points": [points],
        "imgs": torch.randn(_VIEWS, 3, _HEIGHT, _WIDTH, generator=generator),
        "superpixels": drawn.superpixels,
        "num_superpixels": drawn.num_superpixels,
        "pairing_points": torch.randint(len(points), (number,), generator=generator),
        "pairing_images": pixels.long(),
    }


def scan_street() -> Tensor:
    """Return a sweep of 32 beams between two walls and above flat ground, (N, 5)."""
    elevation, azimuth = np.meshgrid(
        np.deg2rad(np.linspace(-30, 10, _BEAMS)),
        np.linspace(0, 2 * np.pi, _COLUMNS, endpoint=False),
        indexing="ij",
    )
    with np.errstate(divide="ignore"):
        to_ground = np.where(elevation < 0, _SENSOR_HEIGHT / np.sin(-elevation), np.inf)
        to_wall = 12 / np.abs(np.sin(azimuth)).clip(1e-3) / np.cos(elevation)
    distance = np.minimum(np.minimum(to_ground, to_wall), 60)
    xyz = distance * np.stack(
        [
            np.cos(elevation) * np.cos(azimuth),
            np.cos(elevation) * np.sin(azimuth),
            np.sin(elevation),
        ]
    )
    points = np.concatenate([xyz.reshape(3, -1).T, np.zeros((_BEAMS * _COLUMNS, 2))], axis=1)
    return torch.from_numpy(points.astype(np.float32))
