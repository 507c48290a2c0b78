"""How the findings of a check are written, one module a format.

Each has `render(report) -> str`; `FORMATS` names them all.
"""

from __future__ import annotations

from importlib import import_module

from occystrap_core.cli.reports.report import CheckReport

FORMATS = ("text", "json", "sarif", "junit", "github", "html")


def render(report: CheckReport, form: str) -> str:
    """The whole report, in one of FORMATS, ending with a newline."""
    module = import_module(f"occystrap_core.cli.reports.{form}")
    text: str = module.render(report)
    return text if text.endswith("\n") else f"{text}\n"
