"""Experiments: lists of stages that are run, resumed, summarized and reported.

An experiment is a list of :class:`~.stages.Stage`, each one command. The constructors
in :mod:`~.data_stages` and :mod:`~.training_stages` make such lists,
:class:`~.runner.StageRunner` runs any of them, and :mod:`~.results` reads the scores.
The demo (``make demo``) is the list of :func:`~.demo.make_stages`.
"""
