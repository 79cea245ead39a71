"""Label sweeps: initializations on tasks with shares of the labels, over several seeds.

:func:`~.plan_file.read_label_sweep` reads the file of a label sweep, and
:func:`~.stage_list.label_sweep_stages` turns it into stages like those of any
experiment. :mod:`~.tables` and :mod:`perception_kd.experiments.report.label_sweep_page`
show the results.
"""
