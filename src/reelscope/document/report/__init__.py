"""The report: one HTML file made from a document, which opens from disk without a network."""

from reelscope.document.report.render import render_report

__all__ = ["render_report"]
