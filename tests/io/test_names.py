"""Names from files cannot lead out of a folder."""

from typing import Any

import pytest

from perception_kd.io.names import safe_name

FAULTS: list[Any] = [
    "",
    ".",
    "..",
    "../up",
    "/etc/passwd",
    "a/b",
    "..\\up",
    "drive 1",
    "a\n",
    "nul\0",
]
FAULTS += ["right\u202eleft", "Stra\u00dfe", ".hidden", "*", "x" * 201, 7, None, ["a"]]


@pytest.mark.parametrize("name", ["scene-0061", "00", "a.b", "-x", "n+1_2", "x" * 200])
def test_plain_names_are_kept(name: str) -> None:
    assert safe_name(name, "name") == name


@pytest.mark.parametrize("value", FAULTS)
def test_names_that_lead_elsewhere_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^token of sample\.json is .*, which cannot name a file"):
        safe_name(value, "token of sample.json")
