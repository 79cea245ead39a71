"""Read from a lock file who holds it."""

import os
import socket
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

_JOB = "SLURM_JOB_ID"


def describe_self() -> dict[str, Any]:
    """Return this process as JSON types: host, number, start, time, job of Slurm."""
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "start": _start_time(os.getpid()),
        "since": datetime.now().astimezone().isoformat(timespec="seconds"),
        "job": os.environ.get(_JOB),
    }


def name_owner(owner: Mapping[str, Any]) -> str:
    """Return an owner in words; what the file does not say is left open."""
    if not owner:
        return "another process"
    return (
        f"process {owner.get('pid', '?')} on {owner.get('host', '?')} "
        f"(since {owner.get('since', '?')})"
    )


def is_own_job(owner: Mapping[str, Any]) -> bool:
    """Return whether an owner was this job of Slurm, before it was started again."""
    job = os.environ.get(_JOB)
    return job is not None and owner.get("job") == job


def is_on_other_host(owner: Mapping[str, Any]) -> bool:
    """Return whether an owner is, or was, on another host."""
    return owner.get("host") != socket.gethostname()


def is_running(owner: Mapping[str, Any]) -> bool:
    """Return whether an owner of this host, other than this process, still runs.

    A number of a process may be given again, its number and start time together not.
    """
    start = _start_time(owner.get("pid"))
    return start is not None and start == owner.get("start") and owner["pid"] != os.getpid()


def _start_time(pid: object) -> str | None:
    """Return when a process of this host started; None if it does not run."""
    try:
        stat = Path(f"/proc/{int(str(pid))}/stat").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    return stat.rpartition(")")[2].split()[19]
