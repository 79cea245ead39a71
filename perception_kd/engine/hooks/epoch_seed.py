"""Seed each epoch independently of what ran before it."""

import numpy as np
from mmengine.hooks import Hook
from mmengine.runner import Runner, set_random_seed

from perception_kd.registry import HOOKS


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seed the global generators of this process by (seed, epoch, rank) at each epoch.

    A checkpoint does not contain the state of generators. Without this hook, random
    numbers of a model (dropout, a sample of pairs) would differ in a resumed run.
    """

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed Python, NumPy and torch."""
        state = np.random.SeedSequence([runner.seed, runner.epoch, runner.rank])
        set_random_seed(int(state.generate_state(1)[0]))
