"""mmengine's runner with a checked resume, whole checkpoints and checked classes."""

from pathlib import Path
from typing import Any

import torch
from mmengine.logging import MMLogger
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import BaseLoop, Runner
from torch.nn import Module
from torch.utils.data import DataLoader

from perception_kd.checkpoints.training_state import read_training_state
from perception_kd.engine.ending.explaining import find_remedy
from perception_kd.engine.resume.accumulated_gradients import restore_gradients
from perception_kd.engine.resume.checks import (
    check_averaged,
    check_data,
    check_same_weights,
    check_settings,
    own_random_states,
)
from perception_kd.engine.resume.optimizer_checks import check_optimizer, check_schedule
from perception_kd.engine.resume.schedule import read_rates, rebuild_schedule
from perception_kd.engine.run.data_loading import WorkerInit, without_unused_options
from perception_kd.engine.run.log_errors import raise_log_errors
from perception_kd.engine.run.train_loops import ResumableEpochLoop, ResumableIterLoop
from perception_kd.io.atomic import rename_on_disk, temporary_path, write_whole
from perception_kd.models.networks.task_model import TaskModel
from perception_kd.ops.batch_norm import synchronize_batch_norms


class CheckedRunner(Runner):
    """mmengine's runner, except for how a training resumes and what data it accepts.

    mmengine's runner resumes with the weights that fit, or fails in the optimizer.
    Before, it initializes the model, which reads all files of a fresh start, such as a
    teacher's, although they may be gone. This one refuses a checkpoint that does not
    fit or is of other settings, initializes only what it does not resume, and
    rebuilds a changed schedule. It writes checkpoints whole or not at all. It also
    refuses data whose classes are not the model's.
    """

    _rebuilt: bool = False

    def build_logger(
        self, log_level: int | str = "INFO", log_file: str | None = None, **kwargs: Any
    ) -> MMLogger:
        """Build the logger, whose errors end the run from its first line on."""
        return raise_log_errors(super().build_logger(log_level, log_file, **kwargs))

    def dump_config(self) -> None:
        """Write the config to the work dir; a link of its name is not followed."""
        if self.rank != 0:
            return
        name = Path(self.cfg.filename or f"{self.timestamp}.py").name
        write_whole(Path(self.work_dir) / name, self.cfg.pretty_text.encode())

    def build_optim_wrapper(self, optim_wrapper: Any) -> OptimWrapper:
        """Build the optimizer.

        Raises:
            ValueError: If the config has several, or gradients cannot be clipped so.
        """
        built = super().build_optim_wrapper(optim_wrapper)
        if isinstance(built, OptimWrapperDict):
            raise ValueError("optim_wrapper has several optimizers, but can have only one.")
        if built.clip_grad_kwargs:
            tried = torch.zeros(1, requires_grad=True)
            tried.grad = torch.ones(1)
            try:
                built.clip_func([tried], **built.clip_grad_kwargs)
            except (TypeError, ValueError, RuntimeError) as error:
                raise ValueError(f"optim_wrapper.clip_grad: {error}; correct it.") from error
        return built

    def build_dataloader(
        self, dataloader: Any, seed: int | None = None, diff_rank_seed: bool = False
    ) -> DataLoader[Any]:
        """Build a data loader, and compare its classes with those of the model.

        Its workers end with this process, also if it is killed.

        Raises:
            ValueError: If the names of classes or their order differ, or there is no
                batch.
        """
        if isinstance(dataloader, dict):
            dataloader = without_unused_options(dataloader)
        loader = Runner.build_dataloader(dataloader, seed=seed, diff_rank_seed=diff_rank_seed)
        loader.worker_init_fn = WorkerInit(loader.worker_init_fn)
        if not len(loader):
            raise ValueError(
                f"A data loader has no batch: {len(loader.dataset)} samples are fewer than "
                f"batch_size={loader.batch_size} with drop_last=True; lower it, or use "
                "drop_last=False."
            )
        model = self.model.module if is_model_wrapper(self.model) else self.model
        if isinstance(model, TaskModel):
            model.check_data_classes(getattr(loader.dataset, "metainfo", {}))
        return loader

    def build_train_loop(self, loop: BaseLoop | dict[str, Any]) -> BaseLoop:
        """Build the loop of the training, one that can resume inside an epoch."""
        if isinstance(loop, dict) and "type" not in loop:
            settings = dict(loop)
            by_epoch = settings.pop("by_epoch", True)
            kind = ResumableEpochLoop if by_epoch else ResumableIterLoop
            loop = dict(type=kind, **settings)
        return super().build_train_loop(loop)

    def save_checkpoint(
        self,
        out_dir: str,
        filename: str,
        file_client_args: dict[str, Any] | None = None,
        save_optimizer: bool = True,
        save_param_scheduler: bool = True,
        meta: dict[str, Any] | None = None,
        by_epoch: bool = True,
        backend_args: dict[str, Any] | None = None,
    ) -> None:
        """Write a checkpoint that gets its name once it is on the disk.

        Raises:
            PermissionError: If it cannot be written; an earlier file is unchanged.
        """
        if self.rank != 0:
            return
        path = Path(out_dir) / filename
        temporary = temporary_path(path)
        try:
            super().save_checkpoint(
                str(out_dir),
                temporary.name,
                file_client_args,
                save_optimizer,
                save_param_scheduler,
                meta,
                by_epoch,
                backend_args,
            )
            rename_on_disk(temporary, path)
        except OSError as error:
            remedy = find_remedy(error.errno)
            raise PermissionError(
                f"Cannot write the checkpoint {path}: {error.strerror}. {remedy} Earlier "
                "checkpoints are whole: continue with --resume."
            ) from error
        finally:
            temporary.unlink(missing_ok=True)

    def resume(
        self,
        filename: str,
        resume_optimizer: bool = True,
        resume_param_scheduler: bool = True,
        map_location: Any = "default",
    ) -> None:
        """Resume from a checkpoint; rebuild the schedule if its settings changed.

        Raises:
            ValueError: If an entry of the checkpoint does not fit.
        """
        rates = read_rates(self.optim_wrapper)
        keep_schedule = resume_param_scheduler and not self._rebuilt
        try:
            super().resume(filename, resume_optimizer, keep_schedule, map_location)
        except (AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise ValueError(
                f"--resume: {filename} has entries that do not fit this training ({error}); resume "
                "from another checkpoint."
            ) from error
        if self._rebuilt:
            rebuild_schedule(self.optim_wrapper, self.param_schedulers, rates, self.train_loop)

    def load_checkpoint(
        self,
        filename: str,
        map_location: Any = "cpu",
        strict: bool = False,
        revise_keys: Any = ((r"^module.", ""),),
    ) -> Any:
        """Load a checkpoint, without the entry that mmengine would run as code."""
        content = super().load_checkpoint(filename, map_location, strict, list(revise_keys))
        content.get("meta", {}).pop("config", None)
        return content

    def wrap_model(self, model_wrapper_cfg: dict[str, Any] | None, model: Module) -> Module:
        """Wrap the model for several processes, with batch norms of all of them.

        Norms are synchronized if the config has ``sync_batch_norm=True``.
        """
        if self.distributed and self.cfg.get("sync_batch_norm", False):
            synchronize_batch_norms(model)
        wrapped: Module = super().wrap_model(model_wrapper_cfg, model)
        return wrapped

    def _init_model_weights(self) -> None:
        """Initialize the model, or check the checkpoint that it resumes from."""
        if not self._resume or self._load_from is None:
            super()._init_model_weights()
            return
        state = read_training_state(self._load_from)
        check_same_weights(self, state)
        check_averaged(self, state)
        by_epoch = isinstance(self.train_loop, ResumableEpochLoop)
        check_data(self, state, by_epoch=by_epoch)
        self._rebuilt = check_settings(self, state)
        check_optimizer(self, state)
        if self.param_schedulers and not self._rebuilt:
            check_schedule(self, state, by_epoch=by_epoch)
        self.train_loop.resumed = True
        self.train_loop.random_states = own_random_states(self, state)
        restore_gradients(self.model, state.meta.get("gradients", {}))
