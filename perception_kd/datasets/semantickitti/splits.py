"""Splits of SemanticKITTI, by sequence."""

from collections.abc import Sequence

SEMANTICKITTI_SEQUENCES = {
    "train": (0, 1, 2, 3, 4, 5, 6, 7, 9, 10),
    "val": (8,),
    "test": tuple(range(11, 22)),
}
# Scans of each sequence, 00 to 21.
_NUM_SCANS = (
    *(4541, 1101, 4661, 801, 271, 2761, 1101, 1101, 4071, 1591, 1201),
    *(921, 1061, 3281, 631, 1901, 1731, 491, 1801, 4981, 831, 2721),
)
SEMANTICKITTI_NUM_SCANS = {f"{x:02d}": count for x, count in enumerate(_NUM_SCANS)}


def format_sequences(sequences: Sequence[int]) -> str:
    """Return the numbers of sequences as the names of their folders."""
    return " ".join(f"{x:02d}" for x in sequences)


def split_sequences(version: str, split: str) -> list[str]:
    """Return the names of a split's sequences.

    Args:
        version: Version of the data set; all versions have the same splits.
        split: "train", "val" or "test".

    Raises:
        ValueError: If there is no such split.
    """
    if split not in SEMANTICKITTI_SEQUENCES:
        known = ", ".join(SEMANTICKITTI_SEQUENCES)
        raise ValueError(f"split must be one of {known} for SemanticKITTI, but got {split!r}.")
    return [f"{sequence:02d}" for sequence in SEMANTICKITTI_SEQUENCES[split]]
