"""The whole chain at once, on synthetic data: ``make demo``."""

from perception_kd.experiments.demo import DemoSettings, make_report_stage, make_stages
from perception_kd.experiments.display import Display, format_seconds
from perception_kd.experiments.runner import Chain, only_one
from perception_kd.experiments.stages import DemoError, Stage
from perception_kd.experiments.summary import NOTE, format_table, make_summary

__all__ = [
    "NOTE",
    "Chain",
    "DemoError",
    "DemoSettings",
    "Display",
    "Stage",
    "format_seconds",
    "format_table",
    "make_report_stage",
    "make_stages",
    "make_summary",
    "only_one",
]
