"""What the checks of a project's code found: counted, with what project.yaml ignores apart, and as a page."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from importlib import metadata
from typing import Any

from include.projects import Project
from include.projects.code_checks import Ignored
from include.reports import Section, page, table
from include.training.code_checks_tools import Finding, finding

PACKAGES = {"lint": "ruff", "types": "mypy", "security": "bandit"}
SEVERITIES = ("error", "warning", "ignored")


def outcome(project: Project, found: list[Finding]) -> dict[str, Any]:
    """Count findings, those that project.yaml ignores apart."""
    wish = project.training.code_checks
    told: list[Finding] = []
    used: list[Ignored] = []
    for one in found:
        rule = next((i for i in wish.ignore if fnmatchcase(one["rule"], i.rule) and fnmatchcase(one["file"], i.files)), None)
        used += [rule] if rule else []
        told.append({**one, "severity": "ignored", "reason": rule.reason} if rule else one)
    for rule in wish.ignore:
        if rule not in used:
            said = f"training.code_checks.ignore names {rule.rule} in {rule.files}, which nothing found: take it out"
            told.append(finding("project", "warning", "project.yaml", 1, "unused-ignore", said))
    told.sort(key=lambda one: (SEVERITIES.index(one["severity"]), one["file"], one["line"], one["rule"]))
    counts = {name: sum(one["severity"] == name for one in told) for name in SEVERITIES}
    versions = {PACKAGES[tool]: metadata.version(PACKAGES[tool]) for tool in wish.tools if tool in PACKAGES}
    return {
        "ok": not counts["error"],
        "errors": counts["error"],
        "warnings": counts["warning"],
        "ignored": counts["ignored"],
        "findings": told,
        "tools": versions | ({"interface": f"{wish.rows} rows"} if "interface" in wish.tools else {}),
    }


def report(project: Project, made: Mapping[str, Any]) -> str:
    """Return the outcome as a page."""
    tones = {"error": ("error", "bad"), "warning": ("warning", "warn")}
    rows = [
        [tones[one["severity"]], f"{one['file']}:{one['line']}", one["tool"], one["rule"], one["message"]]
        for one in made["findings"]
        if one["severity"] in tones
    ]
    ignored = [
        [f"{one['file']}:{one['line']}", one["rule"], one["message"], one["reason"]]
        for one in made["findings"]
        if one["severity"] == "ignored"
    ]
    rest = f"{_count(made['warnings'], 'warning')}, {made['ignored']} ignored"
    verdict = (f"No errors; {rest}", "warn" if made["warnings"] else "good")
    if made["errors"]:
        verdict = (f"{_count(made['errors'], 'error')}: no model is trained with this code. {rest}", "bad")
    sections = [
        Section("Findings", table(["", "place", "tool", "rule", "message"], rows) if rows else "Nothing was found."),
        Section("Tools", table(["tool", "version"], [[name, version] for name, version in made["tools"].items()])),
    ]
    if ignored:
        sections.insert(1, Section("Ignored by project.yaml", table(["place", "rule", "message", "reason"], ignored)))
    about = f"{project.name}: what {', '.join(made['tools']) or 'no tool'} found"
    return page(f"Checks of the code of {project.title}", sections, about, verdict)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
