"""The command that installs an extra of this project."""


def install_command(extra: str) -> str:
    """Return the command that installs the packages of an extra.

    It works in any folder, for a checkout that is installed as editable and for a
    wheel: pip keeps the installed version, and adds what it lacks.

    Args:
        extra: Name of an extra of ``setup.py``.

    Example:
        >>> install_command("rerun")
        'pip install "perception-kd[rerun]"'
    """
    return f'pip install "perception-kd[{extra}]"'
