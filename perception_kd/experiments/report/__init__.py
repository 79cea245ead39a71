"""Report of a demo: one HTML page of results, curves and predictions."""

from perception_kd.experiments.report.page import write_report

__all__ = ["write_report"]
