"""Identity of the data of a training, without the folders that they are in."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from mmengine.dataset import BaseDataset
from torch.utils.data import DataLoader

from perception_kd.datasets.transforms.cached import CachedTransform
from perception_kd.io.caches.manifest import read_manifest

_MAX_TOKENS = 64
# What all samples of a data set share and the info file decides.
_SHARED = ("label_mapping", "box_classes")
# Reading all samples takes seconds, and they do not change in a run.
_known: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()


def describe_training_data(loader: DataLoader[Any]) -> dict[str, Any]:
    """Return the number of samples, and hashes of what they and their caches are.

    Args:
        loader: Data loader of the training.

    Returns:
        ``samples``, ``steps_per_epoch``; ``tokens``, the hash of tokens spread over the
        data set, empty for a data set without tokens; and of a data set with an info
        file ``content``, the hash of all that it says of the samples, and ``caches``,
        the hash of the settings of each cache by its folder in the config.
    """
    data: Any = loader.dataset
    if data not in _known:
        _known[data] = _describe(data)
    return {"samples": len(data), "steps_per_epoch": len(loader), **_known[data]}


def _describe(data: Any) -> dict[str, Any]:
    tokens = []
    if hasattr(data, "get_data_info"):
        step = max(1, len(data) // _MAX_TOKENS)
        tokens = [data.get_data_info(idx)["sample_token"] for idx in range(0, len(data), step)]
    digest = hashlib.sha256("\n".join(tokens).encode()).hexdigest() if tokens else ""
    base = getattr(data, "dataset", data)  # of a data set that repeats samples
    if not isinstance(base, BaseDataset):
        return {"tokens": digest}
    return {"tokens": digest, "content": _hash_samples(base), "caches": _hash_caches(base)}


def _hash_samples(data: BaseDataset) -> str:
    digest = hashlib.blake2b(digest_size=20)
    first = data.get_data_info(0)
    parts = [{name: first.get(name) for name in _SHARED}]
    # Not the data set's own method, which joins the paths of samples with its folder.
    parts += [BaseDataset.get_data_info(data, idx) for idx in range(len(data))]
    for part in parts:
        for piece in _walk(part):
            digest.update(piece)
    return digest.hexdigest()


def _walk(value: Any) -> Iterator[bytes]:
    """Yield bytes that two values have in common only if they are equal."""
    if isinstance(value, np.ndarray):
        yield f"{value.dtype.str}{value.shape}".encode()
        yield value.tobytes()
    elif isinstance(value, Mapping):
        yield f"{{{len(value)}".encode()
        for key, each in value.items():
            yield f"{key!r}:".encode()
            yield from _walk(each)
    elif isinstance(value, list | tuple):
        yield f"[{len(value)}".encode()
        for each in value:
            yield from _walk(each)
    else:
        yield repr(value.item() if isinstance(value, np.generic) else value).encode() + b","


def _hash_caches(data: BaseDataset) -> dict[str, str]:
    caches = {}
    for transform in data.pipeline.transforms:
        if isinstance(transform, CachedTransform):
            folder = Path(getattr(data, "info_root", "")) / transform.cache
            try:
                caches[transform.cache] = str(read_manifest(folder)["settings_hash"])
            except (OSError, ValueError):
                continue  # the training says what is wrong when it reads the first sample
    return caches
