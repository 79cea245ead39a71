"""The folder of the configs and tools of this version."""

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
# Made by setup.py in a wheel.
_COPIES = "_project"


def find_project_files(package: Path = _PACKAGE) -> Path:
    """Return the folder that has ``configs/``, ``tools/`` and ``requirements/``.

    In a checkout, also one that is installed as editable, it is the repository; in a
    package that was installed as a wheel, the copies that the wheel has.

    Args:
        package: Folder of the package.

    Example:
        >>> (find_project_files() / "configs" / "renamed.json").is_file()
        True
    """
    copies = package / _COPIES
    return copies if copies.is_dir() else package.parent
