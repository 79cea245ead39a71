"""Definition of a kind of cache: how an input file becomes an entry."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from perception_kd.io.caches.cache import Cache
from perception_kd.io.caches.origin import Origin
from perception_kd.io.input_file import InputFile

InputT = TypeVar("InputT", bound=InputFile)
DataT = TypeVar("DataT")


class CacheSettings(Protocol):
    """Settings that decide the entries of a cache."""

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as JSON types, as in the manifest of the cache."""


class CacheEntryMaker(ABC, Generic[InputT, DataT]):
    """Creation of the entries of one kind of cache from input files.

    It is sent to worker processes, which import its module.

    Args:
        settings: Settings of the cache.

    Attributes:
        kind: Kind of the cache, such as "superpixels".
        extension: Extension of an entry, such as ".png".
        inputs: What the input files are, in the plural, for messages.
        made_with: Package and version that make the entries.
    """

    kind: ClassVar[str]
    extension: ClassVar[str]
    inputs: ClassVar[str]
    made_with: str

    @property
    @abstractmethod
    def settings(self) -> CacheSettings:
        """Settings of the cache."""

    @abstractmethod
    def read(self, source: InputT) -> DataT:
        """Read an input file.

        Raises:
            FileNotFoundError: If there is no such file.
            BrokenFileError: If it cannot be used.
        """

    @abstractmethod
    def make(self, data: DataT) -> tuple[bytes, int]:
        """Return the bytes of an entry, and the number of segments in it."""

    @abstractmethod
    def mark(self, entry: bytes, origin: Origin) -> bytes:
        """Return an entry with a note of what it was made from."""

    @abstractmethod
    def check(self, cache: Cache, source: InputT, data: DataT) -> None:
        """Check a stored entry.

        Raises:
            BrokenFileError: If it is broken or was made from other data.
        """

    @abstractmethod
    def draw(self, cache: Cache, source: InputT, path: Path) -> None:
        """Draw a stored entry over its input, as a PNG file."""
