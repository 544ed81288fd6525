"""The status as a page: what there is at a glance, and each number with the record that it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from include.data import rounds
from include.data.status import plots
from include.data.status.overview import status
from include.data.status.run import run_status
from include.projects import Project
from include.reports import Section, bars, page, table
from include.reports.links import dag_run_url, link, record_url, report_url
from include.settings import Settings, Zone

NEWEST = 50  # rounds and versions shown, newest first; the others are counted


def status_report(settings: Settings, project: Project, zone: Zone, run_id: str | None = None) -> str:
    """Return the status of a zone of a project as one HTML page.

    Args:
        settings: the data server, and Airflow's address for links.
        project: whose data.
        zone: of which repository.
        run_id: of a pipeline run, ``<dag id>/<run id>``, that the page begins with.
    """
    told = status(settings, project, zone)
    run = run_status(settings, project, zone, run_id) if run_id and not told["problem"] else None
    return render(settings, told, run)


def render(settings: Settings, told: Mapping[str, Any], run: Mapping[str, Any] | None = None) -> str:
    """Return a status, and what a run did, as one HTML page."""
    commit = f", main at {told['commit'][:12]}" if told["commit"] else ""
    about = f"Data of {told['project']} in {told['repository']} ({told['zone']} zone{commit}), as of {told['at']}"
    return page(f"{told['title']}: data status", list(_Page(settings, told).sections(run)), about)


class _Page:
    def __init__(self, settings: Settings, told: Mapping[str, Any]) -> None:
        self.settings, self.told = settings, told

    def sections(self, run: Mapping[str, Any] | None) -> Iterator[Section]:
        told = self.told
        if told["problem"]:
            text = Markup('<p class="bad">{}</p><p>Nothing is known about the data until that is mended.</p>')
            yield Section("No numbers", text.format(told["problem"]))
            return
        if run:
            yield Section("This run", self._run(run))
        if not told["rounds"]:
            yield Section("No data yet", "No round was merged so far. Start data_preparation; what it collects is shown here.")
            return
        yield Section("At a glance", self._glance())
        yield Section("Classes", self._classes())
        yield Section("Growth", plots.growth(told["growth"]))
        yield Section("Labelling", self._labelling())
        yield Section("Quality over versions", self._quality())
        yield Section("Rounds", self._rounds(told["rounds"]))
        yield Section("Versions", self._versions(told["versions"]))
        yield Section("Sources", self._sources())

    def _glance(self) -> Markup:
        names = {"rounds": "Rounds", "items": "Items", "bytes": "Bytes", "versions": "Versions", "splits": "Splits"}
        totals = table(names.values(), [[self.told["totals"][name] for name in names]])  # type: ignore[arg-type]
        states = {f"{one['state']} ({one['of']})": one["items"] for one in self.told["states"]}
        return totals + Markup("<h3>States</h3>") + bars(states, "items")

    def _classes(self) -> Markup:
        found = self.told["classes"]
        if not found:
            return Markup("<p>Labels of this task are no classes.</p>")
        counts = {one["class"]: one["raw"] if one["version"] is None else one["version"] for one in found}
        what = "in the newest version" if found[0]["version"] is not None else "as collected"
        rows = [[one["class"], one["raw"], one["version"]] for one in found]
        both = table(["Class", "Collected", "Newest version"], rows)
        return Markup("<p>{}</p>").format(f"Labels {what}.") + bars(counts) + Markup("<h3>Numbers</h3>") + both

    def _labelling(self) -> Markup:
        found = self.told["labelling"]
        if not found["version"]:
            return Markup("<p>There is no version yet.</p>")
        share = f"{found['share']:.1%}" if found["share"] is not None else "-"
        text = f"{found['labelled']:,} of {found['items']:,} items of {found['version']} have a label ({share})."
        said = Markup("<p>{}</p>").format(text)
        if not found["rounds"]:
            return said + Markup("<p>No round was labelled by people.</p>")
        head = ["Round", "When", "From", "Labels", "Disputed", "Missing", "Agreement", "Alpha", "People"]
        rows = [
            [
                self._round_link(one["round"]),
                one["at"],
                one["source"],
                one["labels"],
                one["disputed"],
                one["missing"],
                one["agreement"],
                one["alpha"],
                "; ".join(
                    f"{who}: {its.get('answers')} answers, agreement {its.get('agreement')}" for who, its in one["people"].items()
                ),
            ]
            for one in reversed(found["rounds"])
        ]
        return said + table(head, rows)

    def _quality(self) -> Markup:
        found = self.told["quality"]
        if not found:
            return Markup("<p>There is no version yet.</p>")
        head = [
            "Version",
            "Items",
            "Labelled",
            "New rounds",
            "Checks",
            "Warnings",
            "Left out",
            "Missing labels",
            "Duplicates",
            "Reviews",
        ]
        rows = [
            [
                self._version_link(one["version"]),
                one["count"],
                "" if one["labelled"] is None else f"{one['labelled']:.1%}",
                len(one["rounds"]),
                one["checks"],
                (one["warnings"], "warn") if one["warnings"] else 0,
                one["left_out"],
                one["shares"].get("missing_labels"),
                one["shares"].get("duplicates"),
                ", ".join(f"{what} {count}" for what, count in one["reviews"].items()),
            ]
            for one in found[: -NEWEST - 1 : -1]
        ]
        return plots.quality(found) + table(head, rows) + _more(found)

    def _run(self, run: Mapping[str, Any]) -> Markup:
        key = run["run_id"]
        said = Markup("<p>{}</p>").format(link(key, dag_run_url(self.settings, key)))
        if tasks := run.get("tasks"):
            rows = [[task, (state, "bad") if "failed" in state else state] for task, state in tasks.items()]
            said += table(["Task", "State"], rows)
        if run["problem"]:
            return said + Markup('<p class="bad">{}</p>').format(run["problem"])
        if not run["rounds"] and not run["versions"]:
            return said + Markup(
                "<p>It changed nothing about the data: nothing was new, or it failed before a round was there.</p>"
            )
        if run["rounds"]:
            said += self._rounds(run["rounds"])
        if run["versions"]:
            said += self._versions(run["versions"])
        for one in run["rounds"]:
            failed = ((one["checks"] or {}).get("failed")) or []
            if failed:
                rows = [[check["name"], (check["value"], "bad"), check["limit"]] for check in failed]
                said += Markup("<h3>{}</h3>").format(f"What round {one['number']} does not hold")
                said += table(["Check", "Value", "Wanted"], rows)
        return said

    def _rounds(self, found: Sequence[Mapping[str, Any]]) -> Markup:
        head = ["Round", "Kind", "When", "By", "Source", "Items", "Labelled", "Refined", "Checks", "Review", "Run"]
        rows = [
            [
                self._round_link(one["number"], one.get("branch") or one["merged"]),
                one["kind"] + (f" (on branch {one['branch']})" if one.get("branch") else ""),
                one["created_at"],
                one["author"],
                one["source"],
                one["count"],
                one["labelled"],
                one["refined"]["count"] if one["refined"] else None,
                self._checks(one),
                str(one["review"].get("decision", "")) if one["review"] else None,
                link("run", dag_run_url(self.settings, one["run_id"])),
            ]
            for one in found[: -NEWEST - 1 : -1]
        ]
        return table(head, rows) + _more(found)

    def _checks(self, one: Mapping[str, Any]) -> Any:
        checks = one["checks"]
        if checks is None:
            return None
        words = "passed" if checks["ok"] else f"{len(checks['failed'])} of {checks['ran']} failed"
        if checks["warnings"]:
            words += f", {checks['warnings']} warnings"
        ref = one.get("branch") or one["merged"] or self.told["commit"]
        url = (
            report_url(self.settings, self.told["zone"], self.told["project"], ref, one["report"])
            if one["report"] and ref
            else None
        )
        return (link(words, url), "good" if checks["ok"] else "bad")

    def _versions(self, found: Sequence[Mapping[str, Any]]) -> Markup:
        split = {one["version"]: one for one in self.told["splits"]}
        head = ["Version", "Kind", "When", "By", "Items", "Labelled", "State", "Rounds", "Split", "Notes", "Run"]
        rows = [
            [
                self._version_link(one["version"]),
                one["kind"],
                one["created_at"],
                one["author"],
                one["count"],
                one["labelled"],
                one["state"],
                len(one["rounds"]),
                self._split_link(split.get(one["version"])),
                one["notes"],
                link("run", dag_run_url(self.settings, one["run_id"])),
            ]
            for one in found[: -NEWEST - 1 : -1]
        ]
        return table(head, rows) + _more(found)

    def _sources(self) -> Markup:
        names = ("source", "rounds", "items", "bytes", "first", "last")
        return table([name.capitalize() for name in names], ([one[name] for name in names] for one in self.told["sources"]))

    def _round_link(self, number: int, ref: str | None = None) -> Markup:
        return link(number, self._record(ref or self.told["commit"], rounds.round_path(number)))

    def _version_link(self, name: str) -> Markup:
        return link(name, self._record(name, f"versions/{name}.json"))

    def _split_link(self, split: Mapping[str, Any] | None) -> Markup | None:
        if split is None:
            return None
        return link(f"{split['method']} {split['digest'][7:19]}", self._record(split["commit"], split["path"]))

    def _record(self, ref: str | None, path: str) -> str | None:
        return record_url(self.settings, self.told["zone"], self.told["project"], ref, path) if ref else None


def _more(found: Sequence[Any]) -> Markup:
    left = len(found) - NEWEST
    return Markup("<p>The newest {} of {:,} are shown.</p>").format(NEWEST, len(found)) if left > 0 else Markup("")
