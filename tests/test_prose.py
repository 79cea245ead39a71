"""Phrases that the code and the documentation do not use."""

import functools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PHRASES = {
    "which is none": "say what is wrong",
    "anew": "rebuild, start over, start a new training",
    "own vehicle": "ego vehicle",
    "(go|goes|going|went) on": "continue",
    "makes? use of": "use",
    "told": "detected, distinguished, known",
    "is another one": "is wrong, differs",
    "such a one": "repeat the noun",
    "in the place of": "instead of, or say what is replaced",
    "what the user can mend": "what the user can correct",
    "one's own": "your own",
    "what is lost is said": "a line names what is lost",
    "rows are no points": "rows are not points",
    "(?-i:: Of)": "begin with the noun",
    "made point clouds": "name who publishes the point clouds",
    "cannot be(?=\\.)": "is impossible, does not fit",
    "perception_kd\\[\\w+": 'pip install "perception-kd[EXTRA]", the name of the package for pip',
}
FOLDERS = ("perception_kd", "tools", "docs", "configs", "examples")


@functools.cache
def read_texts() -> dict[str, str]:
    """Return the text of each page and each file of code, by its path."""
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    texts = [*ROOT.glob("*.md"), *(path for path in paths if path.suffix in (".py", ".md"))]
    return {str(path.relative_to(ROOT)): path.read_text() for path in texts}


@pytest.mark.parametrize("phrase", PHRASES)
def test_texts_avoid_unclear_phrases(phrase: str) -> None:
    pattern = re.compile(rf"\b{phrase}\b".replace(" ", r"\s+"), re.IGNORECASE)
    found = [path for path, text in read_texts().items() if pattern.search(text)]
    assert found == [], f"{phrase!r}: {PHRASES[phrase]}"


def test_docstrings_begin_with_the_thing_or_the_action() -> None:
    """As in Google's style: neither a question nor a relative clause is a summary."""
    pattern = re.compile(
        r'^\s*r?"""(What|Whether|Which|Where|Who|How|Those|All that)\b', re.MULTILINE
    )
    paths = [path for folder in (*FOLDERS, "tests") for path in (ROOT / folder).rglob("*.py")]
    found = [str(path.relative_to(ROOT)) for path in paths if pattern.search(path.read_text())]
    assert found == []
