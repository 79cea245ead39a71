"""Sweeps: initializations on tasks with shares of the labels, over several seeds.

:func:`~.sweep_file.read_sweep` reads the file of a sweep, and
:func:`~.stage_list.sweep_stages` turns it into stages like those of any experiment.
:mod:`~.tables` and :mod:`perception_kd.experiments.report.sweep_page` show the results.
"""
