"""The work of tools/export.py and tools/import_weights.py."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perception_kd.api.inference.building import build_unloaded_model
from perception_kd.api.inference.loading import load, read_trained
from perception_kd.api.inference.network import TrainedNetwork
from perception_kd.api.inference.stored_model import read_stored_config
from perception_kd.engine.run.launch import read_config
from perception_kd.export.model_folder import CardOptions, export_folder
from perception_kd.export.onnx.files import check_onnx, write_parts
from perception_kd.export.onnx.left_behind import list_left_behind
from perception_kd.export.onnx.parts import list_dense_parts
from perception_kd.export.places import check_weights_name, refuse_existing
from perception_kd.export.stack_files import export_weights, shorten
from perception_kd.export.stacks import STACKS, with_spconv
from perception_kd.export.weights.files import pack_own, read_foreign, write_weights
from perception_kd.export.weights.stack import Stack
from perception_kd.export.weights.translation import Translation, translate_from, translate_to
from perception_kd.io.atomic import check_writable_file

_FOLDER, _ONNX = "safetensors", "onnx"


@dataclass(frozen=True)
class ExportOptions:
    """Options of an export.

    Attributes:
        target: Name of a stack, "safetensors" or "onnx".
        out: File or folder to write; None for one beside the checkpoint.
        config: Config of a checkpoint that has none.
        leave_out: Beginnings of names of the model that are left out.
        spconv: Layout of sparse kernels, 1 or 2; None for that of the stack.
        card: What only a person knows about the model.
        image_size: Height and width of images for ONNX; None for the training's.
        num_views: Number of cameras for ONNX.
        list_only: Return the names, and write nothing.
    """

    target: str
    out: Path | None = None
    config: Path | None = None
    leave_out: Sequence[str] = ()
    spconv: int | None = None
    card: CardOptions = field(default_factory=CardOptions)
    image_size: tuple[int, int] | None = None
    num_views: int = 6
    list_only: bool = False


def export_checkpoint(checkpoint: Path, options: ExportOptions) -> list[str]:
    """Write a checkpoint for another stack, as a model folder or as ONNX.

    Args:
        checkpoint: As of :func:`perception_kd.load`.
        options: What to write, and where.

    Returns:
        Lines for the user: what was written, and what was left out.

    Raises:
        FileExistsError: If the output exists already.
        ValueError: If the checkpoint cannot be loaded, something of the network has no
            place in the other stack, or the file of weights has the suffix of others.
    """
    if options.target == _ONNX:
        check_onnx()
    stack = None if options.target in (_FOLDER, _ONNX) else _choose_stack(options)
    net = load(checkpoint, device="cpu", config=options.config)
    if stack is not None:
        found = translate_to(net.model, stack, options.leave_out)
        if options.list_only:
            return _list_pairs(found)
        place = _find_place(net, options)
        config = _read_training_config(checkpoint, options)
        return export_weights(net.model, found, stack, place, config["model"])
    out = _find_place(net, options)
    if options.target == _ONNX:
        return _export_onnx(net, out, options)
    config = _read_training_config(checkpoint, options)
    files = export_folder(net, read_trained(checkpoint), out, options.card, config)
    lines = [f"{out / name}" for name in files]
    return [*lines, f'Load it with perception_kd.load("{out}").']


def import_checkpoint(
    weights: Path, source: str, config: Path, out: Path, leave_out: Sequence[str] = ()
) -> list[str]:
    """Write the weights of another stack as a checkpoint of this project.

    Args:
        weights: File of the other stack.
        source: Name of the stack.
        config: Config of the network that takes the weights, which is built from it.
        out: File to write.
        leave_out: Beginnings of names of the model that are left out.

    Returns:
        Lines for the user.

    Raises:
        FileExistsError: If the output file exists already.
        ValueError: If the weights do not fit the network, or the output file has the
            suffix of others.
    """
    refuse_existing(out)
    check_weights_name(out)
    stack = STACKS[source]
    foreign = read_foreign(weights, stack)
    model = build_unloaded_model(read_config(config).model.to_dict(), config)
    found = translate_from(foreign.state_dict, model, stack, foreign.path, leave_out)
    check_writable_file("--out", out)
    write_weights(out, pack_own(found.state, f"{source}: {foreign.path.name}"))
    share = f"{len(found.state)} tensors of {foreign.path}"
    lines = [f"{out}: {share}, by the names of {type(model).__name__}"]
    lines += [f"note: {note}" for note in found.notes]
    if found.left_out:
        lines.append(f"left out, {len(found.left_out)} of the file: {shorten(found.left_out)}")
    return [*lines, f"Start a training from it with --pretrained {out}."]


def _read_training_config(checkpoint: Path, options: ExportOptions) -> dict[str, Any]:
    """Return the config of the training, that of the options first."""
    if options.config is not None:
        return dict(read_config(options.config).to_dict())
    return read_stored_config(read_trained(checkpoint))


def _choose_stack(options: ExportOptions) -> Stack:
    return with_spconv(STACKS[options.target], options.spconv)


def _list_pairs(found: Translation) -> list[str]:
    shapes = {theirs: tuple(value.shape) for theirs, value in found.state.items()}
    lines = [f"{ours} -> {theirs} {shapes[theirs]}" for ours, theirs in found.pairs]
    return lines + [f"{name} -> left out" for name in found.left_out]


def _export_onnx(net: TrainedNetwork, folder: Path, options: ExportOptions) -> list[str]:
    parts = list_dense_parts(net, options.image_size, options.num_views)
    lines = []
    for part, difference in zip(parts, write_parts(parts, folder), strict=True):
        free = ", ".join({name for axes in part.free_axes.values() for name in axes.values()})
        sizes = f"any {free}, other sizes are fixed" if free else "all sizes are fixed"
        path = folder / f"{part.name}.onnx"
        lines.append(f"{path}: {part.about}; {sizes}; differs by {difference:.0e}")
    return lines + [f"not exported: {line}" for line in list_left_behind(net.model, parts)]


def _find_place(net: TrainedNetwork, options: ExportOptions) -> Path:
    """Return the file or folder of the result, which must not exist."""
    source = net.path if net.path.suffix != ".safetensors" else net.path.parent
    folder = options.target in (_FOLDER, _ONNX)
    ending = "" if folder else ".pth"
    out = options.out or source.with_name(f"{source.stem}_{options.target}{ending}")
    refuse_existing(out)
    return out
