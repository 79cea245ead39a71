"""Experiments: lists of stages that are run, resumed, summarized and reported.

An experiment is a list of :class:`~.stages.Stage`, each one command. The constructors
in :mod:`~.data_stages`, :mod:`~.training_stages` and :mod:`~.comparison_stages` make
such lists, :class:`~.runner.StageRunner` runs any of them, :mod:`~.results` reads the
scores of any :class:`~.trials.Comparison`, and :mod:`~.report` shows them.
The demo (``make demo``) is the list of :func:`~.demo.make_stages`.
"""
