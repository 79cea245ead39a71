"""Write checkpoints whole or not at all."""

import os
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from perception_kd.checkpoints.folder import POINTER
from perception_kd.engine.resume.accumulated_gradients import collect_gradients
from perception_kd.engine.resume.optimizer_checks import count_states
from perception_kd.engine.resume.random_states import get_random_states
from perception_kd.engine.resume.training_data import describe_training_data
from perception_kd.io.atomic import make_writable_folder, remove_leftovers, write_whole
from perception_kd.registry import HOOKS

# Entry of the message hub: the steps of checkpoints that the one with it replaces.
_OUTDATED = "outdated_ckpt_ids"


@HOOKS.register_module()
class WholeCheckpointHook(CheckpointHook):
    """mmengine's hook, except for the order in which files appear and disappear.

    - An older checkpoint is removed once the newer one is whole, so that a killed
      training always has one to resume from. The same holds for the best one.
    - ``last_checkpoint`` has the path relative to its folder, which may be moved.
    - A checkpoint also has the state of the random number generators of each process,
      the number of processes, what identifies the training data, for how many
      parameters the optimizer has statistics, and gradients that are still accumulated.

    That a checkpoint itself is written whole or not at all is up to
    :class:`~perception_kd.engine.run.runner.CheckedRunner`. Its arguments are those of
    mmengine's hook.
    """

    keep_ckpt_ids: deque[int]

    def before_train(self, runner: Runner) -> None:
        """Set the folder up, and look for the best checkpoint in no other one."""
        super().before_train(runner)
        if is_main_process():
            make_writable_folder("default_hooks.checkpoint.out_dir", self.out_dir)
            remove_leftovers(Path(self.out_dir))
            # Those that the training was killed before removing.
            remove_outdated(self._paths(runner.message_hub.runtime_info.get(_OUTDATED) or []))
        # Its path is that of another folder where this one is a copy.
        for name, path in self._best_paths().items():
            self._set_best_path(name, str(Path(self.out_dir) / Path(path).name) if path else None)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict[str, Any]) -> None:
        """Save, point to the file, and then remove the outdated ones."""
        outdated = self._keep(runner, step)
        self.last_ckpt = str(Path(self.out_dir) / self.filename_tmpl.format(step))
        runner.message_hub.update_info("last_ckpt", self.last_ckpt)
        meta = {
            **meta,
            "world_size": runner.world_size,
            "random_states": all_gather_object(get_random_states()),
            "training_data": describe_training_data(runner.train_dataloader),
            "optimizer_states": count_states(runner.optim_wrapper.optimizer),
            "gradients": collect_gradients(runner.model, runner.optim_wrapper),
        }
        runner.save_checkpoint(
            self.out_dir,
            Path(self.last_ckpt).name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
        )
        if is_main_process():
            target = os.path.relpath(self.last_ckpt, runner.work_dir)
            write_whole(Path(runner.work_dir) / POINTER, target.encode())
            remove_outdated(outdated)

    def _keep(self, runner: Runner, step: int) -> list[Path]:
        """Note a step as kept, and return the files that exceed ``max_keep_ckpts``."""
        if self.max_keep_ckpts <= 0:
            return []
        steps = [each for each in self.keep_ckpt_ids if each != step] + [step]
        kept = steps[-self.max_keep_ckpts :]
        self.keep_ckpt_ids = deque(kept, self.max_keep_ckpts)
        runner.message_hub.update_info("keep_ckpt_ids", kept)
        outdated = steps[: -self.max_keep_ckpts]
        runner.message_hub.update_info(_OUTDATED, outdated)
        return self._paths(outdated)

    def _paths(self, steps: Sequence[int]) -> list[Path]:
        return [Path(self.out_dir) / self.filename_tmpl.format(int(each)) for each in steps]

    def _save_best_checkpoint(self, runner: Runner, metrics: dict[str, Any]) -> None:
        """Save a new best checkpoint, and then remove the one before.

        Raises:
            ValueError: If there is no such score.
        """
        lacking = [name for name in self.save_best or () if name not in ("auto", *metrics)]
        if lacking:
            raise ValueError(
                f"default_hooks.checkpoint.save_best names {lacking[0]}, but the scores are "
                f"{', '.join(metrics)}; name one of them, and continue with --resume."
            )
        before = self._best_paths()
        for name in before:
            self._set_best_path(name, None)
        super()._save_best_checkpoint(runner, metrics)
        for name, path in self._best_paths().items():
            if path is None:
                self._set_best_path(name, before.get(name))
            elif before.get(name) not in (None, path) and is_main_process():
                Path(str(before[name])).unlink(missing_ok=True)

    def _best_paths(self) -> dict[str, str | None]:
        """Return the path of the best checkpoint of each score, if there is one."""
        if not self.save_best:
            return {}
        if len(self.key_indicators) == 1:
            return {"": self.best_ckpt_path}
        return dict(self.best_ckpt_path_dict)

    def _set_best_path(self, name: str, path: str | None) -> None:
        if len(self.key_indicators) == 1:
            self.best_ckpt_path = path
        else:
            self.best_ckpt_path_dict[name] = path


def remove_outdated(paths: Sequence[Path]) -> None:
    """Remove checkpoints that newer ones replace, as far as they are still there."""
    for path in paths:
        path.unlink(missing_ok=True)
