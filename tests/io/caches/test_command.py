"""The report on inputs that could not be read."""

from perception_kd.io.caches.command import describe_failures


def test_some_failures_are_named_and_the_others_counted() -> None:
    errors = [f"file {i} is broken" for i in range(23)]
    text = describe_failures(errors, 40, "sweeps", "regions", "again")
    lines = text.splitlines()
    assert lines[0] == (
        "23 of 40 sweeps cannot be read and have no regions. Repair them, then run again: again"
    )
    assert lines[1:-1] == [f"  {error}" for error in errors[:20]]
    assert lines[-1] == "  and 3 more"
    assert "more" not in describe_failures(errors[:20], 40, "sweeps", "regions", "x")
