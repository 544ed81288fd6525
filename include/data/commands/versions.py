"""Versions of a zone's data: what they hold, how two differ, one as a folder, and back to an earlier one."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from include import data
from include.data import split, tables, versions
from include.data.access import note_access
from include.data.commands.common import as_json, common, run_id, table, writing
from include.data.rounds import Ref
from include.projects import Project
from include.settings import Settings, Zone


def add(areas: Any) -> None:
    """Add the commands about versions."""
    area = areas.add_parser("versions", help="versions of the data", description=__doc__)
    commands = area.add_subparsers(dest="command", required=True)
    one = commands.add_parser("list", parents=[common()], help="all versions, oldest first")
    one.set_defaults(run=_list)
    one = commands.add_parser("show", parents=[common()], help="what a version is made of")
    one.add_argument("version", nargs="?", default="", help="v3, or nothing for the newest")
    one.set_defaults(run=_show)
    one = commands.add_parser("compare", parents=[common()], help="items added, removed, changed and relabelled; exit code 1")
    one.add_argument("first", help="v3")
    one.add_argument("second", help="v4")
    one.add_argument("--second-zone", choices=["dev", "ops"], help="zone of the second (--zone)")
    one.set_defaults(run=_compare)
    one = commands.add_parser("restore", parents=[common()], help="write the items of a version to a folder, bit for bit")
    one.add_argument("version", help="v3")
    one.add_argument("folder", type=Path, help="new or empty")
    one.set_defaults(run=_restore)
    one = commands.add_parser("rollback", parents=[common(), writing()], help="a new version with the content of an earlier one")
    one.add_argument("version", help="v3")
    one.add_argument("--reason", required=True, help="why; it stands in the new version")
    one.set_defaults(run=_rollback)


def _list(settings: Settings, project: Project, options: argparse.Namespace) -> Iterator[Any]:
    found = data.list_versions(settings, project, options.zone)
    if options.json:
        yield as_json(found)
        return
    rows = [
        [
            *(str(ref[name]) for name in ("version", "kind", "state", "count", "labelled", "author")),
            ref["digest"][7:19],
            f"rolled back to {ref['rolled_back_to']}" if "rolled_back_to" in ref else "",
        ]
        for ref in found
    ]
    yield from table(["version", "kind", "state", "items", "labelled", "author", "digest", ""], rows)


def _show(settings: Settings, project: Project, options: argparse.Namespace) -> Iterator[Any]:
    ref = _found(settings, project, options.zone, options.version)
    document = versions.document(tables.reader(settings, ref), ref["commit"], ref["version"])
    if options.json:
        yield as_json({**ref, "document": document})
        return
    yield f"version  {ref['version']} of {ref['repository']}, commit {ref['commit']}, {document['digest']}"
    yield f"made     {document['created_at']} by {document['author']} in {document['run_id']}"
    if "rolled_back_to" in document:
        yield f"content  that of {document['rolled_back_to']}"
    yield f"notes    {document['notes'] or '-'}"
    yield f"state    {ref['state']}: {ref['labelled']} of {ref['count']} items have a label"
    labelled = {f"{one['repository']}/{one['round']:06d}" for piece in document["pieces"] for one in piece.get("labels") or []}
    yield f"labels   of the source{', ' + ', '.join(sorted(labelled)) if labelled else ''}"
    yield ""
    rows = [
        [
            split.round_name(one),
            str(one["count"]),
            f"of {one['filter']['of']}" if one.get("filter") else "all",
            one["origin"] or "-",
        ]
        for one in document["pieces"]
    ]
    yield from table(["round", "items", "chosen", "origin"], rows)
    yield ""
    yield from table(["class", "items"], [[name, str(count)] for name, count in document.get("labels", {}).items()])


def _compare(settings: Settings, project: Project, options: argparse.Namespace) -> Iterator[Any]:
    first = _found(settings, project, options.zone, options.first)
    second = _found(settings, project, options.second_zone or options.zone, options.second)
    found = data.compare_versions(settings, project, first, second)
    yield int(not found["identical"])
    if options.json:
        yield as_json(found)
        return
    said = "the same items" if found["identical"] else "they differ"
    yield f"{found['versions'][0]} with {found['items'][0]} items, {found['versions'][1]} with {found['items'][1]}: {said}"
    yield ", ".join(f"{kind} {found[kind]}" for kind in ("added", "removed", "changed", "relabelled"))
    for moved, count in found["from_to"].items():
        yield f"  {moved}: {count}"
    names = [ref["version"] for ref in (first, second)]
    for what in ("rounds", "sources"):
        rows = [[one or "-", *map(str, its["items"]), *map(str, its["unlabelled"])] for one, its in found[what].items()]
        yield ""
        yield from table([what[:-1], *names, "unlabelled", "unlabelled"], rows)
    yield ""
    yield from table(["class", *names], [[name, *map(str, pair)] for name, pair in found["classes"].items()])
    for kind, examples in found["examples"].items():
        yield f"{kind}, for example: {', '.join(one['key'] for one in examples)}"


def _restore(settings: Settings, project: Project, options: argparse.Namespace) -> Iterator[Any]:
    ref = _found(settings, project, options.zone, options.version)
    note_access(settings, project, "data.restore", ref, ref["count"])
    done = data.restore_version(settings, project, ref, options.folder)
    if options.json:
        yield as_json(done)
        return
    yield f"{done['folder']} holds {ref['version']} of {ref['repository']}: {done['count']} items"
    yield f"SHA256SUMS has the digest {done['digest']}; the same digest anywhere means the same bytes"


def _rollback(settings: Settings, project: Project, options: argparse.Namespace) -> Iterator[Any]:
    ref = _found(settings, project, options.zone, options.version)
    note_access(settings, project, "data.roll_back", ref, ref["count"], options.author)
    made = data.roll_back(settings, project, options.zone, options.version, run_id(options), options.author, options.reason)
    if options.json:
        yield as_json(made)
        return
    gone = ", ".join(map(str, made["withdrawn"])) or "none"
    yield f"{made['version']} has the content of {made['rolled_back_to']}: {made['count']} items"
    yield f"rounds that later versions leave out: {gone}"


def _found(settings: Settings, project: Project, zone: Zone, name: str) -> Ref:
    return data.version(settings, project, zone, name) if name else data.latest_version(settings, project, zone)
