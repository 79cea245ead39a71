"""Numbers that libraries read late are checked before a run begins."""

from typing import Any

import pytest

from perception_kd.engine.config.bounds import check_bounds

HOOK = "default_hooks.checkpoint"


def nest(name: str, value: Any) -> dict[str, Any]:
    """Return settings with one value at a dotted name."""
    for part in reversed(name.split(".")):
        value = [value] if part == "0" else {part: value}
    assert isinstance(value, dict)
    return value


# None of these is refused by mmengine or torch when a run is set up.
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("train_cfg.val_interval", 0, "a whole number of at least 1, but got 0"),
        ("train_cfg.val_interval", None, "a whole number of at least 1, but got None"),
        ("train_cfg.val_begin", "first", "a whole number of at least 0"),
        ("train_cfg.max_iters", 1.5, "a whole number of at least 1"),
        ("optim_wrapper.accumulative_counts", 1.5, "a whole number of at least 1"),
        ("optim_wrapper.clip_grad.max_norm", "abc", "a number above 0, but got 'abc'"),
        ("optim_wrapper.clip_grad.max_norm", -1, "a number above 0, but got -1"),
        ("optim_wrapper.clip_grad.max_norm", True, "a number above 0, but got True"),
        ("optim_wrapper.clip_grad.norm_type", "two", "a number above 0 or 'inf'"),
        ("optim_wrapper.clip_grad.clip_value", 0.0, "a number above 0"),
        ("optim_wrapper.loss_scale", "static", "a number above 0 or 'dynamic'"),
        ("optim_wrapper.paramwise_cfg.custom_keys.head.lr_mult", "10x", "a number of at least 0"),
        ("param_scheduler.0.T_max", "all", "a number above 0"),
        ("param_scheduler.T_max", 0, "a number above 0"),
        ("param_scheduler.0.eta_min", -1e-3, "a number of at least 0, or one per group"),
        ("param_scheduler.0.eta_max", [0.1, "b"], "a number of at least 0, or one per group"),
        ("param_scheduler.0.milestones", [4, "last"], "a list of whole numbers"),
        ("param_scheduler.0.gamma", "half", "a number above 0"),
        ("optim_wrapper.optimizer.lr", 0, "a number above 0, but got 0"),
        ("auto_scale_lr.enable", "yes", "True or False"),
        ("train_dataloader.drop_last", "yes", "True or False"),
        ("train_dataloader.sampler.seed", "abc", "a whole number of at least 0"),
        (f"{HOOK}.interval", 0, "a whole number of at least 1, or -1 for the last alone"),
        (f"{HOOK}.interval", 1.5, "a whole number of at least 1, or -1 for the last alone"),
        (f"{HOOK}.interval", "often", "a whole number of at least 1, or -1 for the last alone"),
        (f"{HOOK}.max_keep_ckpts", 0, "a whole number of at least 1, or -1 for all"),
        (f"{HOOK}.save_begin", "2", "a whole number of at least 0"),
        ("default_hooks.logger.interval", -5, "a whole number of at least 1"),
        ("log_processor.window_size", "all", "a whole number of at least 1"),
        ("auto_scale_lr.base_batch_size", 0, "a whole number of at least 1"),
        ("env_cfg.dist_cfg.timeout", "long", "a number above 0"),
        (f"{HOOK}.filename_tmpl", "model.pth", "a file with {} for the number"),
        (f"{HOOK}.filename_tmpl", "{}_{}.pth", "a file with {} for the number"),
        (f"{HOOK}.filename_tmpl", "epoch_{epoch}.pth", "such as epoch_{}.pth"),
        (f"{HOOK}.filename_tmpl", "epoch_{:03d}.pth", "such as epoch_{}.pth"),
        (f"{HOOK}.filename_tmpl", "../epoch_{}.pth", "the name of a file"),
        (f"{HOOK}.filename_tmpl", 5, "but got 5"),
    ],
)
def test_a_setting_out_of_bounds_is_refused(name: str, value: Any, expected: str) -> None:
    with pytest.raises(ValueError, match="must be ") as caught:
        check_bounds(nest(name, value))
    message = str(caught.value)
    assert message.startswith(f"{name} must be ")
    assert expected in message
    assert "\n" not in message


def test_checkpoints_that_are_never_saved_are_refused() -> None:
    hook = {"interval": -1, "save_last": False}
    with pytest.raises(ValueError, match="saves nothing with interval=-1"):
        check_bounds({"default_hooks": {"checkpoint": hook}})
    check_bounds({"default_hooks": {"checkpoint": {**hook, "save_best": "auto"}}})


def test_a_schedule_that_nothing_steps_is_refused() -> None:
    hooks = {"default_hooks": {"param_scheduler": None}}
    with pytest.raises(ValueError, match="what steps the schedule of param_scheduler"):
        check_bounds({**hooks, "param_scheduler": [{"type": "LinearLR"}]})
    check_bounds({**hooks, "param_scheduler": []})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("train_cfg.max_epochs", None),
        ("optim_wrapper.clip_grad.max_norm", float("inf")),
        ("optim_wrapper.clip_grad.norm_type", "inf"),
        ("optim_wrapper.loss_scale", {"init_scale": 512.0}),
        ("param_scheduler.0.end", float("inf")),
        ("param_scheduler.0.eta_max", [0.1, 0.2]),
        (f"{HOOK}.interval", -1),
        (f"{HOOK}.max_keep_ckpts", -1),
        (f"{HOOK}.filename_tmpl", "my-run.{}.pth"),
        (f"{HOOK}.filename_tmpl", None),
        (HOOK, None),
        ("default_hooks", None),
        ("custom_hooks.0.interval", -1),
    ],
)
def test_what_libraries_accept_passes(name: str, value: Any) -> None:
    check_bounds(nest(name, value))
