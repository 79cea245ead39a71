"""mmengine's runner with a checked resume, whole checkpoints and checked classes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.logging import MMLogger
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import BaseLoop, Runner
from torch.nn import Module
from torch.utils.data import DataLoader

from perception_kd.checkpoints.finite import check_finite
from perception_kd.checkpoints.matching import load_report
from perception_kd.checkpoints.stored_config import parse_config
from perception_kd.checkpoints.training_state import TrainingState, read_training_state
from perception_kd.engine.ending.explaining import find_remedy
from perception_kd.engine.resume.accumulated_gradients import restore_gradients
from perception_kd.engine.resume.random_states import check_random_states
from perception_kd.engine.resume.schedule import read_rates, rebuild_schedule
from perception_kd.engine.resume.settings import compare_settings
from perception_kd.engine.resume.training_data import describe_training_data
from perception_kd.engine.run.data_loading import WorkerInit, without_unused_options
from perception_kd.engine.run.log_errors import raise_log_errors
from perception_kd.engine.run.train_loops import ResumableEpochLoop, ResumableIterLoop
from perception_kd.io.atomic import rename_on_disk, temporary_path
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

    def build_optim_wrapper(self, optim_wrapper: Any) -> OptimWrapper:
        """Build the optimizer.

        Raises:
            ValueError: If the config has several.
        """
        built = super().build_optim_wrapper(optim_wrapper)
        if isinstance(built, OptimWrapperDict):
            raise ValueError("optim_wrapper has several optimizers, but can have only one.")
        return built

    def build_dataloader(
        self, dataloader: Any, seed: int | None = None, diff_rank_seed: bool = False
    ) -> DataLoader[Any]:
        """Build a data loader, and compare its classes with those of the model.

        Its workers end with this process, also if it is killed.

        Raises:
            ValueError: If the names of classes or their order differ.
        """
        if isinstance(dataloader, dict):
            dataloader = without_unused_options(dataloader)
        loader = Runner.build_dataloader(dataloader, seed=seed, diff_rank_seed=diff_rank_seed)
        loader.worker_init_fn = WorkerInit(loader.worker_init_fn)
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
        self._check_weights(state)
        self._check_data(state)
        self._check_settings(state)
        self.train_loop.resumed = True
        self.train_loop.random_states = self._own_random_states(state)
        restore_gradients(self.model, state.meta.get("gradients", {}))

    def _check_weights(self, state: TrainingState) -> None:
        """Check that a checkpoint has exactly the tensors of the model.

        Raises:
            ValueError: If names or shapes differ, or a tensor is not finite.
        """
        model: Module = self.model.module if is_model_wrapper(self.model) else self.model
        check_finite(state.path, dict(weights=state.state_dict, optimizer=state.optimizer))
        report = load_report(model, state.state_dict)
        differing = [
            *report.missing,
            *report.unexpected,
            *(name for name, *_ in report.mismatched),
        ]
        if differing:
            raise ValueError(
                f"--resume: {state.path} does not match the model of {self.cfg.filename} "
                f"({len(differing)} tensors differ, e.g. {differing[0]}); resume from a "
                "checkpoint of that run, or set another --work-dir."
            )

    def _check_data(self, state: TrainingState) -> None:
        """Check that the training data and the number of processes are those before.

        Raises:
            ValueError: If they differ.
        """
        now = {**describe_training_data(self.train_dataloader), "world_size": self.world_size}
        stored = state.meta.get("training_data")
        before = dict(stored) if isinstance(stored, Mapping) else {}
        before["world_size"] = state.meta.get("world_size", self.world_size)
        names = {
            "world_size": "number of processes",
            "samples": "number of samples",
            "steps_per_epoch": "number of steps per epoch",
            "tokens": "samples (hash of their tokens)",
        }
        for key, name in names.items():
            if key in before and before[key] != now[key]:
                raise ValueError(
                    f"--resume: {name} differs: {state.path} {before[key]}, this run {now[key]}; "
                    "resume with the data and processes of that run, or start a new training in "
                    "another --work-dir."
                )
        steps = len(self.train_dataloader)
        by_epoch = isinstance(self.train_loop, ResumableEpochLoop)
        if by_epoch and not state.epoch * steps <= state.steps <= (state.epoch + 1) * steps:
            raise ValueError(
                f"--resume: {state.path} has {state.steps} steps in {state.epoch} epochs, but an "
                f"epoch of {self.cfg.filename} has {steps}; resume with the data, batch size and "
                "number of processes of that run, or start a new training in another --work-dir."
            )

    def _check_settings(self, state: TrainingState) -> None:
        """Check that the settings are those before; note changes of the schedule.

        Raises:
            ValueError: If a setting differs that a resumed training may not change.
        """
        try:
            stored = parse_config(state.config)
        except ValueError as error:
            raise ValueError(f"--resume: {state.path}: {error}.") from error
        changes = compare_settings(stored, parse_config(self.cfg.pretty_text))
        if changes.refused:
            listed = "; ".join(map(str, changes.refused[:4]))
            more = len(changes.refused) - 4
            raise ValueError(
                f"--resume: {state.path} was trained with other settings: {listed}"
                + (f"; and {more} more" if more > 0 else "")
                + ". Resume with those, or start a new training in another --work-dir."
            )
        if state.epoch > self.train_loop.max_epochs:
            raise ValueError(
                f"--resume: {state.path} has {state.epoch} epochs, but train_cfg.max_epochs is "
                f"{self.train_loop.max_epochs}; set more epochs."
            )
        if state.epoch == self.train_loop.max_epochs:
            self.logger.warning(
                f"--resume: {state.path} has all {state.epoch} epochs, so no step is left; to "
                "continue, set a larger train_cfg.max_epochs."
            )
        self._rebuilt = bool(changes.rebuilt)
        for change in changes.rebuilt:
            self.logger.warning(f"The schedule is rebuilt for the resumed step, since {change}.")
        if self.param_schedulers and not state.has_schedule and not self._rebuilt:
            raise ValueError(
                f"--resume: {state.path} has no state of the schedule; resume from a checkpoint "
                "written with save_param_scheduler=True."
            )

    def _own_random_states(self, state: TrainingState) -> dict[str, Any] | None:
        """Return the states of this process's generators; None in older checkpoints.

        Raises:
            ValueError: If they are damaged.
        """
        every = state.meta.get("random_states")
        if every is None:
            self.logger.warning(
                f"--resume: {state.path} is of an older version, without the states of random "
                "number generators: draws inside the resumed epoch differ."
            )
            return None
        own = every[self.rank] if isinstance(every, list) and len(every) > self.rank else None
        try:
            check_random_states(own)
        except ValueError as error:
            raise ValueError(f"--resume: {state.path}: {error}; use another checkpoint.") from error
        states: dict[str, Any] | None = own
        return states
