"""Superpixel backends against the reference backend: speed, memory and agreement."""

import resource
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_kd.io.image_files import read_image
from perception_kd.io.workers import run_jobs
from perception_kd.structures import Image
from perception_kd.superpixels.backends import BACKENDS, get_backend
from perception_kd.superpixels.slic import Segments

# The harness imports torch, which the measured processes must not hold.
if TYPE_CHECKING:
    from perception_kd.benchmarks.harness import BenchmarkSettings, Row

_REFERENCE = "skimage"


class _Measured(NamedTuple):
    seconds: float
    megabytes: float
    segments: Segments


def benchmark_superpixels(
    settings: "BenchmarkSettings", image_files: Sequence[str | Path] = (), num_segments: int = 150
) -> "Iterator[Row]":
    """Compare each backend with the reference on the same images, on one CPU thread.

    Args:
        settings: How often each image is segmented; the fastest run counts. Backends
            know no device.
        image_files: Images to segment; without, a generated one of 1600x900 px, which
            takes much the same time as a photograph but is easier to segment.
        num_segments: Number of segments to aim at.

    Yields:
        For each faster backend: ``name``, ``reference``, CPU seconds per image
        ``ours_s`` and ``reference_s``, their ``ratio``, extra memory ``ours_mb`` and
        ``reference_mb``, ``max_abs_diff`` (None: ids have no distance), in its place
        ``accuracy`` (:func:`find_accuracy` against the reference), and the mean numbers
        of segments.
    """
    images = [read_image(path) for path in image_files] or [make_street_like(900, 1600)]
    repeats = settings.repeats
    reference = [_measure(_REFERENCE, image, num_segments, repeats) for image in images]
    for name in BACKENDS:
        if name == _REFERENCE:
            continue
        ours = [_measure(name, image, num_segments, repeats) for image in images]
        yield _compare(name, ours, reference)


def find_accuracy(segments: NDArray[np.integer[Any]], truth: NDArray[np.integer[Any]]) -> float:
    """Return the achievable segmentation accuracy of segments against true ones.

    Args:
        segments: Ids, shape (H, W).
        truth: Ids of the segments to be met, shape (H, W).

    Returns:
        Share of pixels whose own true segment is the main one of their segment.
    """
    _, ids = np.unique(segments, return_inverse=True)
    true_names, true_ids = np.unique(truth, return_inverse=True)
    pairs = ids.ravel() * len(true_names) + true_ids.ravel()
    overlaps = np.bincount(pairs, minlength=(ids.max() + 1) * len(true_names))
    return float(overlaps.reshape(-1, len(true_names)).max(axis=1).sum() / segments.size)


def make_street_like(height: int, width: int, seed: int = 0) -> Image:
    """Return an image of patches at many scales with shading and noise, (H, W, 3)."""
    rng = np.random.default_rng(seed)
    image = np.full((height, width, 3), 128.0)
    for i in range(400):
        size = height * 0.5 / (1 + i / 20)
        center = rng.uniform((0, 0), (width, height))
        corners = center + rng.normal(0, size, (5, 2))
        hull = cv2.convexHull(corners.astype(np.int32))
        cv2.fillConvexPoly(image, hull, rng.uniform(20, 235, 3).tolist())
    shading = np.linspace(0.7, 1.2, height)[:, None, None]
    noisy = image * shading + rng.normal(0, 6, image.shape)
    return noisy.clip(0, 255).astype(np.uint8)


def _compare(name: str, ours: list[_Measured], reference: list[_Measured]) -> "Row":
    ours_s = _mean(m.seconds for m in ours)
    reference_s = _mean(m.seconds for m in reference)
    pairs = zip(ours, reference, strict=True)
    return {
        "name": f"superpixels/{name}",
        "reference": _REFERENCE,
        "ours_s": ours_s,
        "reference_s": reference_s,
        "ratio": reference_s / ours_s,
        "ours_mb": max(m.megabytes for m in ours),
        "reference_mb": max(m.megabytes for m in reference),
        "max_abs_diff": None,
        "accuracy": _mean(find_accuracy(o.segments, r.segments) for o, r in pairs),
        "num_segments": _mean(len(np.unique(m.segments)) for m in ours),
        "reference_num_segments": _mean(len(np.unique(m.segments)) for m in reference),
    }


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _measure(name: str, image: Image, num_segments: int, repeats: int) -> _Measured:
    """Run a backend in a process of its own, whose peak of memory is its alone."""
    ((_, measured),) = run_jobs(_run_backend, [(name, image, num_segments, repeats)], workers=1)
    return measured


def _run_backend(job: tuple[str, Image, int, int]) -> _Measured:
    name, image, num_segments, repeats = job
    segment = get_backend(name)
    segment(image[:32, :32].copy(), 4, 6.0, 3.0)  # loads the libraries
    before = _peak_megabytes()
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        segments = segment(image, num_segments, 6.0, 3.0)
        seconds.append(time.process_time() - start)
    return _Measured(min(seconds), _peak_megabytes() - before, segments.astype(np.int32))


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
