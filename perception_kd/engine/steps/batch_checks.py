"""Refuse batches and outputs with numbers that are NaN or infinite."""

from collections.abc import Mapping, Sequence
from typing import Any

from perception_kd.checkpoints.matching import list_names
from perception_kd.utils.finite import find_nonfinite


def name_samples(batch: Any) -> str:
    """Write the tokens of the samples of a batch, as far as they have one."""
    return ", ".join(_list_tokens(batch)) or "without tokens"


def check_inputs(batch: Any) -> None:
    """Check the inputs and labels of a batch.

    Args:
        batch: A batch as collated, before the data preprocessor.

    Raises:
        ValueError: If any is not finite; names the first field and its sample.
    """
    names = find_nonfinite(batch)
    if not names:
        return
    field, tokens = names[0], _list_tokens(batch)
    numbers = [int(part) for part in field.split(".") if part.isdigit()]
    if numbers:
        # Samples are the innermost list: inputs.points.3, inputs.cloud_views.0.3.
        place = numbers[-1] if field.startswith("inputs.") else numbers[0]
        tokens = tokens[place : place + 1] or tokens
    more = f" and {len(names) - 1} other fields of the batch have" if len(names) > 1 else " has"
    raise ValueError(
        f"{field} of sample {', '.join(tokens) or 'without a token'}{more} NaN or infinity; check "
        "the files and matrices of that sample, or remove such values in the pipeline."
    )


def check_outputs(batch: Any, outputs: Sequence[Any] | None) -> None:
    """Check predictions, or the losses of a validation.

    Args:
        batch: The batch that they are for.
        outputs: One entry per sample, or one dict of losses.

    Raises:
        ValueError: If any is not finite.
    """
    if names := find_nonfinite(list(outputs or ())):
        raise ValueError(
            f"The outputs {list_names(names)} are NaN or infinite for the samples "
            f"{name_samples(batch)}: the training of these weights diverged; take an earlier "
            "checkpoint, or train with a lower learning rate."
        )


def _list_tokens(batch: Any) -> list[str]:
    samples = batch.get("data_samples") if isinstance(batch, Mapping) else None
    return [str(getattr(sample, "sample_token", "?")) for sample in samples or ()]
