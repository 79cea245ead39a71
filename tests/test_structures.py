"""``docs/sample.md`` and the types of samples and batches name the same keys."""

import re
from pathlib import Path

from perception_kd.structures import Batch, PackedInputs, Sample

_PAGE = Path(__file__).parents[1] / "docs" / "sample.md"


def section(title: str) -> str:
    """Return the section of the page whose title begins so."""
    (text,) = [text for text in _PAGE.read_text().split("\n## ") if text.startswith(title)]
    return text


def keys_of_table(title: str) -> set[str]:
    """Return the keys in the first column of a section's table."""
    rows = [line.split("|")[1] for line in section(title).splitlines() if line.startswith("| `")]
    return set(re.findall(r"`(\w+)`", " ".join(rows)))


def test_a_sample_has_the_keys_of_the_page() -> None:
    tables = ("From the dataset", "Annotated boxes", "From transforms")
    assert set().union(*map(keys_of_table, tables)) == set(Sample.__annotations__)


def test_a_batch_has_the_keys_of_the_page() -> None:
    assert keys_of_table("Batched") == set(Batch.__annotations__)


def test_packed_inputs_have_the_keys_of_the_page() -> None:
    inputs, _ = section("Packed").split("`data_samples`:")
    assert set(re.findall(r"`(\w+)`", inputs)) - {"inputs", "PackInputs"} == set(
        PackedInputs.__annotations__
    )
