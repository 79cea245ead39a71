"""The report of a demo: one page of results, curves, pictures and clouds."""

from perception_kd.experiments.report.page import render_page, write_report
from perception_kd.experiments.report.section import Section

__all__ = ["Section", "render_page", "write_report"]
