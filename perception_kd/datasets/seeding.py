"""Random number generator of a sample."""

import hashlib

import numpy as np


def make_rng(seed: int, epoch: int, token: str, stream: int = 0) -> np.random.Generator:
    """Return the random number generator of one sample in one epoch.

    It depends on nothing else, so augmentation does not depend on the number of
    workers, on other samples, or on whether the run was resumed.

    Args:
        seed: Seed of the run, not negative.
        epoch: Epoch, from 0.
        token: Name of the sample.
        stream: Number of an independent generator for another purpose.
    """
    digest = hashlib.sha256(token.encode()).digest()
    return np.random.default_rng([seed, epoch, stream, *np.frombuffer(digest, "<u4").tolist()])
