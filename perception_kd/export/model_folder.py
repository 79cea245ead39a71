"""A trained network as a folder: safetensors, its config and a model card."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any

from perception_kd.api.inference import features
from perception_kd.api.inference.network import TrainedNetwork
from perception_kd.api.inference.teacher import leave_teacher_out
from perception_kd.checkpoints.model_folder import TEACHER_ENTRY, write_model_folder
from perception_kd.checkpoints.reading import Checkpoint
from perception_kd.engine.hooks.point_ranges import read_intensity_range
from perception_kd.export.model_card.card import CardFacts, make_card
from perception_kd.export.model_card.licenses import NOT_STATED, CardSource, find_data, find_teacher
from perception_kd.export.model_card.names import name_model
from perception_kd.export.model_card.results import read_results
from perception_kd.io.atomic import open_folder, write_whole
from perception_kd.version import __version__

# An absolute path inside a text, such as a command; "//" is of an address of the web.
_PLACE = re.compile(r"""(?:\w+://(?=/)|(?<![\w/.~-]))~?/(?!/)[^\s'",;:()\[\]{}]*""")


@dataclass(frozen=True)
class CardOptions:
    """Facts about a model that only a person knows.

    Attributes:
        name: Name of the model; None for method, networks and data.
        license: License of the weights.
        data: Name of the data; None for what the checkpoint says.
        data_license: License of the data; None for that of a known data set.
        teacher_license: License of the image network; None for that of a known one.
        results: ``results.csv`` of a sweep.
        initialization: Key of the checkpoint in it.
    """

    name: str | None = None
    license: str = NOT_STATED
    data: str | None = None
    data_license: str | None = None
    teacher_license: str | None = None
    results: Path | None = None
    initialization: str | None = None


def export_folder(
    net: TrainedNetwork,
    checkpoint: Checkpoint,
    folder: Path,
    options: CardOptions,
    config: Mapping[str, Any],
) -> list[str]:
    """Write the folder of a network.

    :func:`perception_kd.load` reads it, with results that are identical bit by bit. A
    frozen image network that taught is left out: others may have it under a license of
    its own, and features of points need none of it.

    Args:
        net: The network.
        checkpoint: What it was loaded from.
        folder: Folder to make.
        options: What only a person knows.
        config: Config of the training.

    Returns:
        Names of the files.

    Raises:
        PermissionError: If the folder cannot be made or written to.
        ValueError: If the results are not a table.
    """
    meta = checkpoint.meta
    results = read_results(options.results, options.initialization) if options.results else []
    teacher = find_teacher(config)
    if teacher is not None and options.teacher_license:
        teacher = teacher._replace(license=options.teacher_license)
    data = _name_data(meta, options)
    kind = type(net.model).__name__
    about = {
        "library_name": "perception_kd",
        "version": __version__,
        "model_type": kind,
        "license": options.license,
        "teacher": None if teacher is None else teacher._asdict(),
        "data": data._asdict(),
    }
    state, left_out = leave_teacher_out(net.model, checkpoint)
    shared = {**remove_places(dict(meta)), "cfg": _as_text(remove_places(config))}
    if left_out is not None:
        shared[TEACHER_ENTRY] = dict(left_out)
    facts = CardFacts(
        name=options.name or name_model(config["model"], data.name),
        kind=kind,
        license=options.license,
        teacher=teacher,
        data=data,
        version=__version__,
        num_parameters=sum(p.numel() for n, p in net.model.named_parameters() if n in state),
        training=_describe_training(net, meta),
        results=results,
        uses=_show_use(net),
        is_teacher_left_out=left_out is not None,
    )
    with open_folder("--out", folder):
        written = write_model_folder(folder, state, shared, remove_places(about))
        card = make_card(facts, written["sha256"])
        write_whole(folder / "README.md", card.encode())
    return ["model.safetensors", "config.json", "README.md"]


def remove_places(settings: Any) -> Any:
    """Replace absolute paths by their last part, also inside texts such as commands.

    A folder is made to be shared, and paths tell about a machine and who uses it.

    Args:
        settings: A config, or a part of it.

    Returns:
        A copy.

    Example:
        >>> remove_places({"file": "/home/me/a.pkl", "made": "make --root /home/me"})
        {'file': 'a.pkl', 'made': 'make --root me'}
    """
    if isinstance(settings, Mapping):
        return {name: remove_places(value) for name, value in settings.items()}
    if isinstance(settings, list | tuple):
        return type(settings)(remove_places(each) for each in settings)
    if not isinstance(settings, str):
        return settings
    if PurePath(settings).is_absolute() or settings.startswith("~"):
        return PurePath(settings).name
    if PureWindowsPath(settings).is_absolute():
        return PureWindowsPath(settings).name
    return _PLACE.sub(lambda found: PurePath(found.group()).name, settings)


def _as_text(config: Mapping[str, Any]) -> str:
    return "\n".join(f"{name} = {value!r}" for name, value in config.items())


def _name_data(meta: Mapping[str, Any], options: CardOptions) -> CardSource:
    stored = meta.get("dataset_meta")
    found = find_data(stored if isinstance(stored, Mapping) else {})
    if options.data:
        found = CardSource(options.data)
    return found._replace(license=options.data_license) if options.data_license else found


def _describe_training(net: TrainedNetwork, meta: Mapping[str, Any]) -> list[str]:
    lines = []
    if isinstance(meta.get("epoch"), int) and isinstance(meta.get("iter"), int):
        lines.append(f"Epochs: {meta['epoch']}; steps: {meta['iter']}.")
    stored = meta.get("dataset_meta")
    if isinstance(stored, Mapping) and stored.get("version"):
        lines.append(f"Version of the data: {stored['version']}.")
    if net.num_sweeps:
        lines.append(f"Each point cloud has {net.num_sweeps} earlier sweeps.")
    if intensities := read_intensity_range(meta):
        least, greatest = intensities
        lines.append(f"Intensities of the points: {least:g} to {greatest:g}.")
    if net.classes:
        lines.append(f"Classes: {', '.join(net.classes)}.")
    return lines or ["The checkpoint says nothing about its training."]


def _show_use(net: TrainedNetwork) -> list[str]:
    lines = ["import perception_kd", "", 'net = perception_kd.load("path/of/this/folder")']
    if features.has_points(net.model):
        lines.append("feats = net.points(cloud, head=False)  # cloud: (N, 4), x, y, z, intensity")
    if features.has_lidar_bev(net.model):
        lines.append("bev = net.bev(cloud)")
    elif features.has_image_bev(net.model):
        lines.append("bev = net.bev(None, imgs, calibration)")
    return lines
