"""Each reader with each kind of damage: one line that helps, or what the page says."""

import re
from pathlib import Path

import pytest

from perception_kd.engine.ending.explaining import explain_error
from tests.bad_input.page import PAGE, render
from tests.bad_input.table import CELLS, FAULTS, NOT_APPLICABLE, READERS, Cell

# What a line must tell the user to do.
REMEDY = re.compile(
    r"copy|make |unpack|choose|correct|convert|name |check |give |use |download|delete|set |define|"
    r"see |add |it must be|install|save |change |would match|train again",
    re.IGNORECASE,
)


@pytest.mark.parametrize("cell", CELLS.values(), ids=lambda cell: f"{cell.reader}-{cell.fault}")
def test_no_input_is_taken_silently_or_ends_in_a_traceback(cell: Cell, tmp_path: Path) -> None:
    if cell.message is None:
        cell.run(tmp_path)
        return
    with pytest.raises(cell.error) as caught:
        cell.run(tmp_path)
    line = explain_error(caught.value)
    assert line is not None, "this error would be shown with its traceback"
    assert "\n" not in line
    assert re.search(cell.message, line), line
    assert REMEDY.search(line), line


def test_every_reader_has_every_fault() -> None:
    cells = {*CELLS, *NOT_APPLICABLE}
    assert not [(r, f) for r in READERS for f in FAULTS if (r, f) not in cells]
    assert not {reader for reader, _ in cells} - set(READERS)


def test_the_page_lists_exactly_these_cells() -> None:
    assert PAGE.read_text(encoding="utf-8") == render()
