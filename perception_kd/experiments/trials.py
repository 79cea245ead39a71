"""Pre-trainings, protocols, and the trials that compare them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

RANDOM = "random"


def capitalize(text: str) -> str:
    """Return a text with a capital first letter and the rest unchanged."""
    return text[:1].upper() + text[1:]


class Pretraining(NamedTuple):
    """A pre-training without labels.

    Attributes:
        about: Name for the reader.
        config: Config of ``tools/train.py``.
        reads: Stages that it reads from, besides the data set and its info files.
        teacher: Key of the pre-training that provides the teacher; empty for none.
        checkpoint: Weights of a pre-training that was run elsewhere, the same for all
            seeds; empty if it is run here.
        options: Changes of the config, as NAME=VALUE.
        epochs: Number of epochs; None for those of the config.
    """

    about: str
    config: str
    reads: tuple[str, ...]
    teacher: str = ""
    checkpoint: str = ""
    options: tuple[str, ...] = ()
    epochs: int | None = None


class Metric(NamedTuple):
    """A score; higher is better.

    Attributes:
        name: Name for the reader.
        key: Key in the scores written by ``tools/test.py``.
        scale: Factor that makes it a percentage.
    """

    name: str
    key: str
    scale: float


class Protocol(NamedTuple):
    """A training on labels and its evaluation, the same for every initialization.

    Attributes:
        about: Name for the reader.
        config: Config of ``tools/train.py`` and ``tools/test.py``.
        pretrainings: Keys of the pre-trainings that are compared with random weights.
        metrics: Scores that are reported, the main one first.
        full: Whether only the full demo runs it.
        scratch_config: Config for random weights, where another learning rate is used;
            empty for the same one.
        options: Changes of the config, as NAME=VALUE.
        epochs: Number of epochs; None for those of the config.
        arguments: Further options of training and evaluation.
    """

    about: str
    config: str
    pretrainings: tuple[str, ...]
    metrics: tuple[Metric, ...]
    full: bool = False
    scratch_config: str = ""
    options: tuple[str, ...] = ()
    epochs: int | None = None
    arguments: tuple[str, ...] = ()

    def config_of(self, initialization: str) -> str:
        """Return the config for an initialization, given by its key."""
        return (
            self.scratch_config if initialization == RANDOM and self.scratch_config else self.config
        )

    @property
    def task(self) -> str:
        """Task that is evaluated: the first part of the keys of its metrics."""
        return self.metrics[0].key.split("/")[0]

    @property
    def initializations(self) -> tuple[str, ...]:
        """Keys of the initializations that are compared, random weights first."""
        return (RANDOM, *self.pretrainings)


class Trial(NamedTuple):
    """One protocol from one initialization with one seed.

    Attributes:
        protocol: Key of the protocol.
        initialization: ``RANDOM`` or the key of a pre-training.
        seed: Seed of the pre-training and of the training on labels.
    """

    protocol: str
    initialization: str
    seed: int

    @property
    def name(self) -> str:
        """Name of its training stage."""
        return f"{self.protocol}-{self.initialization}-seed{self.seed}"

    def folder(self, work_dir: Path) -> Path:
        """Return the folder of its training; the evaluation is in ``test`` below it."""
        return work_dir / self.protocol / self.initialization / f"seed{self.seed}"


@dataclass(frozen=True)
class Comparison:
    """Pre-trainings and the protocols under which they are compared.

    Attributes:
        pretrainings: Pre-trainings by key.
        protocols: Protocols by key.
        seeds: Number of seeds; they are 0 .. seeds - 1.
    """

    pretrainings: Mapping[str, Pretraining]
    protocols: Mapping[str, Protocol]
    seeds: int = 1

    @property
    def initializations(self) -> dict[str, str]:
        """Names for the reader of all initializations, by key."""
        pretrained = {name: method.about for name, method in self.pretrainings.items()}
        return {RANDOM: "random init", **pretrained}

    @property
    def initialization_titles(self) -> dict[str, str]:
        """Names of all initializations with a capital first letter, by key."""
        return {key: capitalize(about) for key, about in self.initializations.items()}

    @property
    def protocol_titles(self) -> dict[str, str]:
        """Names of all protocols with a capital first letter, by key."""
        return {key: capitalize(p.about) for key, p in self.protocols.items()}

    def trials(self) -> list[Trial]:
        """Return all trials, seed by seed."""
        return [
            Trial(name, initialization, seed)
            for seed in range(self.seeds)
            for name, protocol in self.protocols.items()
            for initialization in protocol.initializations
        ]
