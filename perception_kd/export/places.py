"""Places of exported files: which are refused."""

from pathlib import Path

# Of files of torch. Readers take a file of another suffix for something else.
_WEIGHTS = (".pth", ".pt", ".ckpt")


def refuse_existing(out: Path) -> None:
    """Refuse a file or folder that exists, unless it is an empty folder.

    Args:
        out: Value of ``--out``.

    Raises:
        FileExistsError: If it exists.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise FileExistsError(f"{out} exists; give another --out, or remove it.")


def check_weights_name(out: Path) -> None:
    """Refuse a file of weights with the suffix of another kind of file, or without one.

    Args:
        out: Value of ``--out``.

    Raises:
        ValueError: If it does not end as files of torch do.
    """
    if out.suffix.lower() in _WEIGHTS:
        return
    # Not the end of a name such as "v1.0".
    is_suffix = out.suffix[1:].isalpha()
    better = out.with_suffix(".pth") if is_suffix else out.with_name(f"{out.name}.pth")
    raise ValueError(
        f"--out {out} is a file of weights, whose name ends in {', '.join(_WEIGHTS)}; give "
        f"--out {better}."
    )


def place_settings(out: Path, suffix: str, stack: str) -> Path:
    """Return the file of settings beside a file of weights.

    Args:
        out: The file of weights.
        suffix: Suffix of the settings.
        stack: Name of the stack that they are for, for errors.

    Raises:
        FileExistsError: If there is a file or folder in its place.
    """
    path = out.with_suffix(suffix)
    if path.exists():
        kind = "is a folder" if path.is_dir() else "exists"
        raise FileExistsError(
            f"{path} {kind}; give another --out, or remove it: the settings for {stack} are "
            f"written there, beside {out.name}."
        )
    return path
