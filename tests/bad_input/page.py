"""Text of ``docs/errors.md``; ``python -m tests.bad_input.page`` writes it."""

from importlib import import_module
from pathlib import Path

from tests.bad_input.table import CELLS, NOT_APPLICABLE, READERS, faults_of

PAGE = Path(__file__).parents[2] / "docs/errors.md"

HEAD = """# Bad input

What each reader does with a file that is missing, damaged or of another kind. "Refused" means:
a tool ends with status 2 and one line that names the file, what is wrong and what to do, and
`on_error="skip"` of the data set skips and counts samples whose files are missing or broken.
Nothing is replaced by a guess. `tests/bad_input` does each damage below and checks the line; this
page is written from its table (`python -m tests.bad_input.page`), and a test compares them.
"""

for path in sorted(Path(__file__).parent.glob("cells_*.py")):
    import_module(f"tests.bad_input.{path.stem}")


def render() -> str:
    """Return the page."""
    parts = [HEAD]
    for reader in READERS:
        parts.append(
            f"## {reader[0].upper()}{reader[1:]}\n\n| fault | what happens |\n| --- | --- |"
        )
        for fault in faults_of(reader):
            key = reader, fault
            says = CELLS[key].says if key in CELLS else NOT_APPLICABLE[key]
            parts[-1] += f"\n| {fault} | {says} |"
        parts[-1] += "\n"
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
