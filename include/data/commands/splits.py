"""Stored splits.

A split is named by its version (``v3``: the newest split of it), by six or more digits of its digest, or, where
nothing is given, the newest of all. ``--fold 2`` or ``--fold 2.1`` sees a split with folds from that fold.
"""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from include import data
from include.data.access import note_access
from include.data.commands.common import as_json, common, table
from include.data.folds import named, order
from include.data.split import recipe_of
from include.projects import Project
from include.settings import Settings


def add(areas: Any) -> None:
    """Add the commands about splits."""
    commands = areas.add_parser("splits", help="stored splits", description=__doc__).add_subparsers(dest="command", required=True)
    fold = argparse.ArgumentParser(add_help=False)
    fold.add_argument("--fold", help="from which fold a split with folds is seen: 2, or 2.1 for outer.inner")

    one = commands.add_parser("list", parents=[common()], help="all stored splits, oldest first")
    one.set_defaults(run=_list)
    one = commands.add_parser(
        "show", parents=[common(), fold], help="the parts of a split, their classes, and its leakage report"
    )
    one.add_argument("split", nargs="?", default="", help="v3, digits of a digest, or nothing for the newest")
    one.add_argument("--items", action="store_true", help="a line an item: part, id, key, label, group, round")
    one.set_defaults(run=_show)
    one = commands.add_parser(
        "compare", parents=[common(), fold], help="items moved, added and removed from one split to another"
    )
    one.add_argument("first", help="v3 or digits of a digest")
    one.add_argument("second", help="the same of the other")
    one.add_argument("--second-zone", choices=["dev", "ops"], help="zone of the second (--zone)")
    one.add_argument("--second-fold", help="fold from which the second is seen (--fold)")
    one.set_defaults(run=_compare)
    one = commands.add_parser("restore", parents=[common(), fold], help="write the items of a split to a folder, bit for bit")
    one.add_argument("split", help="v3 or digits of a digest")
    one.add_argument("folder", type=Path, help="new or empty")
    one.set_defaults(run=_restore)


def _list(settings: Settings, project: Project, options: argparse.Namespace) -> Iterator[Any]:
    found = data.list_splits(settings, project, options.zone)
    if options.json:
        yield as_json(found)
        return
    rows = [
        [ref["version"], ref["split_digest"][7:19], ref["method"], "x".join(map(str, ref.get("folds", []))) or "-"]
        + [str(count) for count in ref["counts"].values()]
        + [ref["author"]]
        for ref in found
    ]
    yield from table(["version", "digest", "method", "folds", "train", "validation", "test", "author"], rows)


def _show(settings: Settings, project: Project, options: argparse.Namespace) -> Iterator[Any]:
    ref = data.find_split(settings, project, options.zone, options.split)
    if options.items:
        for item in data.split_items(settings, ref, options.fold):
            yield as_json(item) if options.json else "\t".join(str(v or "-") for v in item.values())
        return
    document = data.split_document(settings, ref)
    if options.json:
        yield as_json({**ref, "document": document})
        return
    how = recipe_of(document["pieces"][-1])
    slots = named(how, options.fold, ref["split_path"])
    parts = order(slots)
    yield f"split    {ref['split_digest']}"
    yield f"version  {ref['version']} of {ref['repository']}, commit {ref['commit']}"
    yield f"recipe   {as_json(how)}"
    yield f"rounds   {', '.join(str(piece['round']) for piece in document['pieces'])}; left out: {document['left_out']}"
    for check in document.get("leakage", {}).get("checks", []):
        yield f"leakage  {check['name']}: {check['value']}, wanted {check['limit']}: {'ok' if check['ok'] else 'NOT OK'}"
        for span in check.get("ranges", []):
            yield from (f"         {part}: {begin} to {end}" for part, (begin, end) in span.items())
    yield ""
    described = {part: [document["parts"][slot] for slot, its in slots.items() if its == part] for part in parts}
    yield from table(["", *parts], [["items", *(str(sum(one["count"] for one in described[part])) for part in parts)]])
    for label in sorted({label for one in document["parts"].values() for label in one["classes"]}):
        numbers = (str(sum(one["classes"].get(label, 0) for one in described[part])) for part in parts)
        yield from table(["", *parts], [[label, *numbers]])[1:]


def _compare(settings: Settings, project: Project, options: argparse.Namespace) -> Iterator[Any]:
    first = data.find_split(settings, project, options.zone, options.first)
    second = data.find_split(settings, project, options.second_zone or options.zone, options.second)
    found = data.compare_splits(settings, first, second, options.fold, options.second_fold)
    yield int(not found["identical"])
    if options.json:
        yield as_json(found)
        return
    names = [f"{ref['version']} {ref['split_digest'][7:19]}" for ref in (first, second)]
    same = "the same items in the same parts" if found["identical"] else "they differ"
    yield f"{names[0]} with {found['items'][0]} items, {names[1]} with {found['items'][1]} items: {same}"
    yield f"added {found['added']}, removed {found['removed']}, relabelled {found['relabelled']}, moved {found['moved'] or 0}"
    rows = []
    for part, its in found["parts"].items():
        changes = [str(its[name]) for name in ("added", "removed", "moved_in", "moved_out")]
        rows.append([part, *map(str, its["count"]), *changes])
        rows += [[f"  {label}", *map(str, pair), "", "", "", ""] for label, pair in its["classes"].items()]
    yield from table(["part", *(ref["split_digest"][7:13] for ref in (first, second)), "added", "removed", "in", "out"], rows)
    for name, ids in found["examples"].items():
        yield f"{name}, for example: {', '.join(one[:12] for one in ids)}"


def _restore(settings: Settings, project: Project, options: argparse.Namespace) -> Iterator[Any]:
    ref = data.find_split(settings, project, options.zone, options.split)
    note_access(settings, project, "data.restore", ref, sum(ref["counts"].values()), getpass.getuser())
    done = data.restore_split(settings, project, ref, options.folder, options.fold)
    if options.json:
        yield as_json(done)
        return
    yield f"{done['folder']} holds split {ref['split_digest']} of {ref['version']}: {done['counts']}"
    yield f"SHA256SUMS has the digest {done['digest']}; the same digest anywhere means the same bytes"
