"""Results on a model card, from the table of a label sweep."""

import csv
from pathlib import Path

# Columns of results.csv of tools/sweep.py that the card reads.
_COLUMNS = (
    *("task", "labels_percent", "metric", "initialization", "seeds", "mean", "std"),
    *("baseline", "difference", "difference_low", "difference_high"),
)
_TITLES = (
    *("Task", "Labels", "Score (%)", "Seeds", "Mean ± std.", "Compared with"),
    "Difference, 95 % interval",
)


def read_results(path: Path, initialization: str | None) -> list[str]:
    """Return the scores of one initialization of a label sweep as Markdown lines.

    Args:
        path: ``results.csv`` of ``tools/sweep.py``.
        initialization: Key of the initialization that the checkpoint is; None if the
            file has a single one that is compared with others.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not such a table, or lacks the initialization.
    """
    if not path.is_file():
        raise FileNotFoundError(f"--results: no file at {path}; give results.csv of a label sweep.")
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"--results: {path} is not a CSV file ({error}).") from error
    if not rows or any(column not in rows[0] for column in _COLUMNS):
        raise ValueError(
            f"--results: {path} must have the columns {', '.join(_COLUMNS)}, as results.csv of "
            "tools/sweep.py has."
        )
    known = list(dict.fromkeys(row["initialization"] for row in rows))
    baselines = {row["baseline"] for row in rows}
    trained = [key for key in known if key not in baselines]
    chosen = initialization or (trained[0] if len(trained) == 1 else None)
    if chosen not in known:
        raise ValueError(
            f"--initialization: {path} has {', '.join(known)}; name the one that the checkpoint is."
        )
    lines = [_format_line(_TITLES), _format_line(["---"] * len(_TITLES))]
    return lines + [
        _format_line(_format_row(row, path)) for row in rows if row["initialization"] == chosen
    ]


def _format_row(row: dict[str, str], path: Path) -> list[str]:
    try:
        spread = f" ± {float(row['std']):.1f}" if row["std"] else ""
        difference = f"{float(row['difference']):+.1f}" if row["difference"] else ""
        if row["difference_low"]:
            low, high = float(row["difference_low"]), float(row["difference_high"])
            difference += f" [{low:+.1f}, {high:+.1f}]"
        score = f"{float(row['mean']):.1f}{spread}"
    except ValueError as error:
        raise ValueError(
            f"--results: {path} has a field that is not a number ({error})."
        ) from error
    compared = row["baseline"] if difference else ""
    labels = f"{row['labels_percent']} %"
    return [row["task"], labels, row["metric"], row["seeds"], score, compared, difference]


def _format_line(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
