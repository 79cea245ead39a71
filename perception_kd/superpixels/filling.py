"""Fill a cache with superpixels, on many processes, image by image."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from perception_kd.io.cache import Cache
from perception_kd.io.errors import BrokenFileError
from perception_kd.io.filling import fill_cache
from perception_kd.io.readers import decode_image, read_bytes
from perception_kd.superpixels.backends import get_backend
from perception_kd.superpixels.codec import (
    KIND,
    encode_superpixels,
    load_superpixels,
    relabel,
)
from perception_kd.superpixels.slic import Image
from perception_kd.utils.checks import check_at_least


@dataclass(frozen=True)
class SlicSettings:
    """What decides the superpixels of an image.

    Attributes:
        backend: As in :func:`~perception_kd.superpixels.backends.get_backend`.
        num_segments: Number of segments to aim at.
        compactness: Weight of nearness against likeness of color.
        sigma: Width of the Gaussian that smooths the image first, in px.

    Raises:
        ValueError: If a number is out of range or the backend is unknown.
    """

    backend: str = "fast"
    num_segments: int = 150
    compactness: float = 6.0
    sigma: float = 3.0

    def __post_init__(self) -> None:
        check_at_least("num_segments", self.num_segments, 1)
        if self.compactness <= 0:
            raise ValueError(f"compactness must be positive, but got {self.compactness}.")
        if self.sigma < 0:
            raise ValueError(f"sigma must not be negative, but got {self.sigma}.")
        get_backend(self.backend)

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as a cache's manifest has them."""
        return {
            "backend": self.backend,
            "num_segments": self.num_segments,
            "compactness": float(self.compactness),
            "sigma": float(self.sigma),
        }

    def default_folder(self, info_file: str | Path) -> Path:
        """Return the folder that the superpixels of an info file go to."""
        name = f"{self.backend.replace(':', '.')}_{self.num_segments}"
        return Path(info_file).parent / KIND / name


@dataclass
class Created:
    """What a run made.

    Attributes:
        folder: The cache.
        num_made: Number of images that were segmented.
        num_kept: Number of images that had their superpixels already.
        mean_segments: Mean number of segments of those made; 0 where none was.
        failed: Error by image that cannot be read.
    """

    folder: Path
    num_made: int = 0
    num_kept: int = 0
    mean_segments: float = 0.0
    failed: dict[str, str] = field(default_factory=dict)


def create_superpixels(
    cache: Cache,
    settings: SlicSettings,
    images: dict[str, str],
    *,
    workers: int = 2,
    resume: bool = True,
    verify: bool = False,
    progress: bool = True,
) -> Created:
    """Fill a cache with the superpixels of images.

    Args:
        cache: Made with ``settings``.
        settings: How to segment.
        images: Path of each image by key.
        workers: Processes, each with one thread; 0 works in this one.
        resume: Keep the entries that are there.
        verify: Read the entries that are there, and make those that are broken again.
        progress: Show a progress bar.

    Returns:
        What was made. Images that cannot be read are in ``failed``; the others are
        made.

    Raises:
        ValueError: If ``workers`` is negative.
    """
    check_at_least("workers", workers, 0)
    present = cache.keys() if resume else set()
    jobs = [
        _Job(cache, settings, key, path, verify and key in present)
        for key, path in images.items()
        if verify or key not in present
    ]
    created = Created(cache.folder)
    num_segments = 0

    def note(job: _Job, outcome: int | str) -> None:
        nonlocal num_segments
        if isinstance(outcome, str):
            created.failed[job.path] = outcome
        elif outcome:
            created.num_made += 1
            num_segments += outcome

    num_kept = len(images) - len(jobs)
    bar = tqdm(total=len(images), initial=num_kept, desc=KIND, unit="img", disable=not progress)
    fill_cache(cache, _run_job, jobs, note, workers=workers, bar=bar)
    created.num_kept = len(images) - created.num_made - len(created.failed)
    created.mean_segments = num_segments / max(created.num_made, 1)
    return created


@dataclass(frozen=True)
class _Job:
    cache: Cache
    settings: SlicSettings
    key: str
    path: str
    keep_if_good: bool


def get_size(image: Image) -> tuple[int, int]:
    """Return height and width in px."""
    return image.shape[0], image.shape[1]


def _run_job(job: _Job) -> int | str:
    try:
        image = decode_image(read_bytes(job.path, "image"), job.path)
    except (FileNotFoundError, BrokenFileError) as error:
        return str(error)
    if job.keep_if_good and _is_good(job.cache, job.key, get_size(image)):
        return 0
    settings = job.settings
    segment = get_backend(settings.backend)
    segments = segment(image, settings.num_segments, settings.compactness, settings.sigma)
    if segments.shape != get_size(image):
        raise ValueError(
            f"backend {settings.backend} must return segments of shape {get_size(image)}, but got "
            f"{segments.shape}."
        )
    superpixels = relabel(segments)
    job.cache.write(job.key, encode_superpixels(superpixels))
    return int(superpixels.max()) + 1


def _is_good(cache: Cache, key: str, img_shape: tuple[int, int]) -> bool:
    try:
        load_superpixels(cache, key, img_shape)
    except BrokenFileError:
        return False
    return True
