"""Reads the file of a label sweep, a short Python file; docs/sweeps.md describes it."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from perception_kd.engine.config.reading import run_settings_file
from perception_kd.experiments.configs import caches_of, config_epochs, config_settings
from perception_kd.experiments.label_sweeps.fields import Fields
from perception_kd.experiments.label_sweeps.label_shares import SAMPLES, share_options
from perception_kd.experiments.label_sweeps.metrics import metrics_of
from perception_kd.experiments.label_sweeps.settings import (
    LabelSweepData,
    LabelSweepPlan,
    LabelSweepTask,
    for_share,
)
from perception_kd.experiments.stages import ExperimentError
from perception_kd.experiments.trials import RANDOM, Pretraining, Protocol

_T = TypeVar("_T")
LABELS = (1.0, 5.0, 10.0, 20.0, 50.0, 100.0)
SEEDS = 3
_SWEEP = ("about", "data", "labels", "seeds", "initializations", "tasks", "baseline")
_DATA = ("synthetic", "data_root", "info_root", "dataset", "classes")
_INITIALIZATION = ("about", "config", "options", "teacher", "checkpoint", "epochs")
_TASK = (
    *("about", "config", "scratch_config", "options", "epochs"),
    *("initializations", "labels", "labels_of"),
)


def read_label_sweep(path: Path) -> LabelSweepPlan:
    """Read and check the file of a sweep.

    Args:
        path: The file, a Python file of settings as mmengine reads it. Names that begin
            with "_" are its own.

    Raises:
        FileNotFoundError: If the file, or a config that it names, does not exist.
        ValueError: If the file cannot be run.
        ExperimentError: If a setting is missing, unknown or wrong; the message has the
            file and the name of the setting.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path} of a sweep; give the path of one.")
    content = run_settings_file(path, "file of a sweep").to_dict()
    settings = {key: value for key, value in content.items() if not key.startswith("_")}
    fields = Fields(str(path), settings, _SWEEP)
    data = _read_data(Fields(f"{path}: data", fields.get("data", dict), _DATA))
    initializations = _read_initializations(fields)
    labels = fields.shares("labels", LABELS)
    tasks = {
        key: _read_task(_entry(fields, "tasks", key, _TASK), initializations, labels, data.classes)
        for key in _keys(fields, "tasks")
    }
    baseline = fields.get("baseline", str, RANDOM)
    _check_known(fields, "baseline", baseline, [RANDOM, *initializations])
    return LabelSweepPlan(
        name=path.stem,
        about=fields.get("about", str, path.stem),
        data=data,
        initializations=initializations,
        tasks=tasks,
        seeds=fields.get("seeds", int, SEEDS),
        baseline=baseline,
    )


def _read_data(fields: Fields) -> LabelSweepData:
    synthetic = fields.texts("synthetic") if fields.has("synthetic") else None
    data_root = fields.get("data_root", str, "")
    info_root = fields.get("info_root", str, data_root)
    if synthetic is None and not data_root:
        raise ExperimentError(f"{fields.place} needs data_root, or synthetic=[].")
    if synthetic is not None and fields.has("info_root"):
        raise ExperimentError(f"{fields.place}: synthetic data have no info_root; leave it out.")
    return LabelSweepData(
        synthetic=synthetic,
        data_root=Path(data_root) if data_root else None,
        info_root=Path(info_root) if info_root else None,
        dataset=fields.get("dataset", str, ""),
        classes=fields.texts("classes"),
    )


def _read_initializations(fields: Fields) -> dict[str, Pretraining]:
    found: dict[str, Pretraining] = {}
    for key in _keys(fields, "initializations"):
        if key == RANDOM:
            raise ExperimentError(
                f"{fields.place}: initializations must not contain {RANDOM!r}; it is always "
                "included."
            )
        entry = _entry(fields, "initializations", key, _INITIALIZATION)
        teacher = entry.get("teacher", str, "")
        if teacher:
            _check_known(entry, "teacher", teacher, list(found))
        checkpoint, config = entry.get("checkpoint", str, ""), entry.get("config", str, "")
        if bool(checkpoint) == bool(config):
            raise ExperimentError(f"{entry.place} needs either config or checkpoint.")
        if config:
            _read_config(entry, "config", config)
        reads = caches_of(config) if config else ()
        epochs = entry.get("epochs", int) if entry.has("epochs") else None
        if config and epochs:
            _check_schedule(entry, config, epochs)
        about = entry.get("about", str, key)
        found[key] = Pretraining(
            about, config, reads, teacher, checkpoint, _read_options(entry), epochs
        )
    return found


def _read_task(
    entry: Fields,
    initializations: Mapping[str, Pretraining],
    labels: tuple[float, ...],
    classes: tuple[str, ...],
) -> LabelSweepTask:
    names = entry.texts("initializations", list(initializations))
    for name in names:
        _check_known(entry, "initializations", name, list(initializations))
    protocols = {
        share: _read_protocol(entry, share, names, classes)
        for share in entry.shares("labels", labels)
    }
    return LabelSweepTask(entry.get("about", str), protocols)


def _read_protocol(
    entry: Fields, share: float, initializations: tuple[str, ...], classes: tuple[str, ...]
) -> Protocol:
    """Return what a task runs with one share of the labels."""
    config = for_share(entry.by_share("config", str), share)
    if not config:
        raise ExperimentError(f"{entry.place}.config has no config for {share:g} %.")
    scratch = for_share(entry.by_share("scratch_config", str), share) or ""
    labels_of = entry.get("labels_of", str, SAMPLES)
    choose = partial(share_options, share=share, labels_of=labels_of)
    options = _of_config(entry, config, choose)
    if scratch and _of_config(entry, scratch, choose) != options:
        raise ExperimentError(f"{entry.place}.scratch_config has other data than config.")
    epochs = for_share(entry.by_share("epochs", int), share)
    if epochs:
        for path in filter(None, (config, scratch)):
            _check_schedule(entry, path, epochs)
    about = entry.get("about", str)
    return Protocol(
        f"{about}, {share:g} % of labels" if share < 100 else f"{about}, all labels",
        config,
        initializations,
        _of_config(entry, config, metrics_of),
        scratch_config=scratch,
        options=(*_read_options(entry), *options),
        epochs=epochs,
        arguments=("--classes", *classes) if classes else (),
    )


def _of_config(entry: Fields, config: str, ask: Callable[[Mapping[str, Any]], _T]) -> _T:
    """Return what a function finds in a config, and name the config in its error."""
    try:
        return ask(_read_config(entry, "config", config))
    except ExperimentError:
        raise
    except ValueError as error:
        raise ExperimentError(f"{entry.place}: {config}: {error}") from error


def _read_config(entry: Fields, name: str, config: str) -> Mapping[str, Any]:
    if not Path(config).is_file():
        raise FileNotFoundError(f"{entry.place}.{name}: there is no config {config}; correct it.")
    return config_settings(config)


def _check_schedule(entry: Fields, config: str, epochs: int) -> None:
    """Refuse another number of epochs where the schedule has a fixed end."""
    published = config_epochs(config)
    schedulers = config_settings(config).get("param_scheduler") or []
    if epochs < 1:
        raise ExperimentError(f"{entry.place}.epochs must be at least 1, but is {epochs}.")
    if epochs != published and any(s.get("end") == published for s in schedulers):
        raise ExperimentError(
            f"{entry.place}.epochs: the learning rate of {config} ends after {published} epochs; "
            "leave epochs out, or name a config with another schedule."
        )


def _read_options(entry: Fields) -> tuple[str, ...]:
    options = entry.texts("options")
    if wrong := [option for option in options if "=" not in option]:
        raise ExperimentError(f"{entry.place}.options needs NAME=VALUE, but has {wrong[0]}.")
    return options


def _keys(fields: Fields, name: str) -> list[str]:
    """Return the keys of a dict of dicts, which become names of folders."""
    keys = list(fields.get(name, dict))
    wrong = [key for key in keys if not isinstance(key, str) or not re.fullmatch(r"\w+", key)]
    if wrong or (not keys and name == "tasks"):
        found = f"but has {wrong[0]!r}" if wrong else "but is empty"
        raise ExperimentError(f"{fields.place}: {name} must have keys of letters and _, {found}.")
    return keys


def _entry(fields: Fields, name: str, key: str, known: tuple[str, ...]) -> Fields:
    return Fields(f"{fields.place}: {name}.{key}", fields.get(name, dict)[key], known)


def _check_known(fields: Fields, name: str, value: str, known: list[str]) -> None:
    if value not in known:
        raise ExperimentError(
            f"{fields.place}.{name}: there is no {value} before it; there are {', '.join(known)}."
        )
