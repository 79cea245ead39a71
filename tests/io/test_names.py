"""Names from files cannot lead out of a folder."""

from typing import Any

import pytest

from perception_kd.io.names import safe_name


@pytest.mark.parametrize("name", ["scene-0061", "00", "a.b", "..a", "-x", "Straße_1", "a:b"])
def test_plain_names_are_kept(name: str) -> None:
    assert safe_name(name, "name") == name


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "is empty"),
        (".", "is a folder"),
        ("..", "is a folder"),
        ("../up", "has a slash"),
        ("/etc/passwd", "has a slash"),
        ("a/b", "has a slash"),
        ("..\\up", "has a slash"),
        ("drive 1", "has a blank"),
        ("line\nbreak", "has a blank"),
        ("nul\0", "cannot be printed"),
        ("right\u202eleft", "cannot be printed"),
        ("x" * 201, "more than 200 bytes"),
        (7, "is not a string"),
        (None, "is not a string"),
        (["a"], "is not a string"),
    ],
)
def test_names_that_lead_elsewhere_are_refused(value: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=rf"^token of sample\.json must be .*{reason}"):
        safe_name(value, "token of sample.json")
