"""HTML reports: one page, one look, everything inside it, nothing loaded from elsewhere."""

from include.reports.page import Section, bars, figure, image, page, plots, table

__all__ = ["Section", "bars", "figure", "image", "page", "plots", "table"]
