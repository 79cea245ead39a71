"""Validation during training, where there is data for it."""

from pathlib import Path

from mmengine import Config


def leave_out_validation(cfg: Config) -> str:
    """Train without validation if the info file of the validation data does not exist.

    Your own data set may have no scene to spare; its conversion then writes no
    info file for validation.

    Args:
        cfg: Config of the run; its validation is removed in place.

    Returns:
        A sentence that says so; empty if the config has no validation or its file
        exists.
    """
    loader = cfg.get("val_dataloader") or {}
    dataset = loader.get("dataset") or {}
    folder = dataset.get("info_root") or dataset.get("data_root")
    if not folder or not dataset.get("ann_file"):
        return ""
    path = Path(folder) / dataset["ann_file"]
    if path.exists() or not path.parent.is_dir():
        return ""
    cfg.val_dataloader = cfg.val_cfg = cfg.val_evaluator = None
    return (
        f"There is no {path}: this training has no validation. If the data set has scenes for it, "
        "convert them and start again."
    )


def check_test_file(cfg: Config) -> None:
    """Check that the info file of the test data exists, before anything is loaded.

    Args:
        cfg: Config of the run.

    Raises:
        FileNotFoundError: If only the info file of the training data exists.
    """
    dataset = cfg.test_dataloader.dataset
    folder = Path(dataset.get("info_root") or dataset.get("data_root") or "")
    name = dataset.get("ann_file") or ""
    other = name.replace("_infos_val", "_infos_train")
    if name and not (folder / name).exists() and (folder / other).exists():
        raise FileNotFoundError(
            f"No info file at {folder / name}, as the conversion had no splits with validation; "
            f"add splits, or --cfg-options test_dataloader.dataset.ann_file={other}."
        )
