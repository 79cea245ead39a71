"""A work dir has one training at a time, and what it holds is not lost."""

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine import Config

from perception_kd.engine.work_dir import folder as work_dir
from perception_kd.engine.work_dir.folder import open_work_dir
from perception_kd.io.lock import LOCK, lock_folder


def save(folder: Path, epoch: int, **content: Any) -> Path:
    path = folder / f"epoch_{epoch}.pth"
    meta = {"epoch": epoch, "iter": 4 * epoch}
    torch.save({"meta": meta, "state_dict": {"w": torch.ones(100)}, **content}, path)
    return path


def opened(
    folder: Path, resume: str | None = "auto", overwrite: bool = False, **cfg: Any
) -> tuple[bool, str | None]:
    """Open a work dir; return whether and from what the training resumes."""
    config = Config(dict(work_dir=str(folder), **cfg))
    with open_work_dir(config, resume=resume, overwrite=overwrite) as replaced:
        for path in replaced:
            path.unlink()
        return config.resume, config.get("load_from")


@pytest.mark.parametrize(
    "pointer", [None, b"", b"epoch_1.pth", b"/old/epoch_2.pth", b"/old/epoch_9.pth", b"\xff\x00"]
)
def test_the_newest_is_found_whatever_the_pointer_says(
    tmp_path: Path, pointer: bytes | None
) -> None:
    for epoch in (1, 2, 10):
        save(tmp_path, epoch)
    if pointer is not None:
        (tmp_path / "last_checkpoint").write_bytes(pointer)
    assert opened(tmp_path) == (True, str(tmp_path / "epoch_10.pth"))


def test_steps_decide_between_kinds_of_names(tmp_path: Path) -> None:
    save(tmp_path, 2).rename(tmp_path / "iter_8.pth")
    save(tmp_path, 1)
    assert opened(tmp_path) == (True, str(tmp_path / "iter_8.pth"))


def damage(path: Path, kind: str) -> None:
    content = bytearray(path.read_bytes())
    if kind == "flipped":
        content[content.index(torch.ones(4).numpy().tobytes()) + 40] ^= 1
    sizes = {"empty": 0, "half": len(content) // 2, "tail": len(content) - 9}
    kept = bytes(content[: sizes.get(kind, len(content))])
    path.write_bytes({"garbage": b"no checkpoint", "zeros": bytes(len(content))}.get(kind, kept))


@pytest.mark.parametrize("kind", ["empty", "half", "tail", "garbage", "zeros", "flipped"])
def test_a_torn_checkpoint_is_named_and_skipped(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    monkeypatch.setattr(work_dir, "print_log", lambda line, **options: lines.append(line))
    save(tmp_path, 1)
    damage(save(tmp_path, 2), kind)
    assert opened(tmp_path) == (True, str(tmp_path / "epoch_1.pth"))
    assert lines[0].startswith("--resume: skipped epoch_2.pth: ")
    (tmp_path / "epoch_1.pth").unlink()
    with pytest.raises(ValueError, match=r"has no whole checkpoint \(epoch_2.pth: .*--overwrite"):
        opened(tmp_path)


def test_a_pointer_to_nothing_does_not_start_over(tmp_path: Path) -> None:
    (tmp_path / "last_checkpoint").write_text("epoch_2.pth")
    with pytest.raises(ValueError, match="last_checkpoint is there, but no checkpoint"):
        opened(tmp_path)


def test_a_training_without_checkpoints_starts_over(tmp_path: Path) -> None:
    assert opened(tmp_path / "new") == (False, None)


def test_a_new_training_overwrites_only_if_told_to(tmp_path: Path) -> None:
    path = save(tmp_path, 1)
    with pytest.raises(ValueError, match=r"\(epoch_1.pth\); continue it by --resume"):
        opened(tmp_path, None)
    assert path.exists()
    assert opened(tmp_path, None, overwrite=True) == (False, None)
    assert not path.exists()


def test_resuming_from_an_older_one_keeps_the_newer(tmp_path: Path) -> None:
    older, newer = save(tmp_path, 1), save(tmp_path, 2)
    with pytest.raises(ValueError, match=r"has other checkpoints \(epoch_2.pth\)"):
        opened(tmp_path, str(older))
    assert newer.exists()
    assert opened(tmp_path, str(older), overwrite=True) == (True, str(older))
    assert (older.exists(), newer.exists()) == (True, False)


def test_resuming_elsewhere_does_not_mix_trainings(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    other = save(tmp_path / "a", 3)
    save(tmp_path, 1)
    with pytest.raises(ValueError, match=r"has other checkpoints \(epoch_1.pth\)"):
        opened(tmp_path, str(other))


def test_the_folder_and_names_of_the_hook_are_searched(tmp_path: Path) -> None:
    (tmp_path / "out" / "run").mkdir(parents=True)
    path = save(tmp_path / "out" / "run", 1).rename(tmp_path / "out" / "run" / "step_1.pth")
    hook = dict(out_dir=str(tmp_path / "out"), filename_tmpl="step_{}.pth")
    hooks = dict(checkpoint=hook)
    assert opened(tmp_path / "run", default_hooks=hooks) == (True, str(path))


def test_a_second_training_in_a_work_dir_is_refused(tmp_path: Path) -> None:
    with (
        lock_folder("--work-dir", tmp_path),
        pytest.raises(BlockingIOError, match=rf"--work-dir {tmp_path} is in use by process"),
    ):
        opened(tmp_path)
    assert opened(tmp_path) == (False, None)
    assert not (tmp_path / LOCK).exists()


def test_folders_in_the_place_of_files_are_named_at_the_start(tmp_path: Path) -> None:
    save(tmp_path, 1)
    (tmp_path / "epoch_3.pth").mkdir()
    with pytest.raises(ValueError, match=r"epoch_3.pth has the name .* but is not a file"):
        opened(tmp_path, None, overwrite=True)
    assert (tmp_path / "epoch_1.pth").is_file()
