"""Word dictionaries and their versions."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from include.data import dictionaries
from include.data.commands.common import as_json, common, run_id, table, writing
from include.projects import Project
from include.settings import Settings


def add(areas: Any) -> None:
    """Add the commands about dictionaries."""
    area = areas.add_parser("dictionary", help="word dictionaries", description=__doc__)
    commands = area.add_subparsers(dest="command", required=True)
    named = argparse.ArgumentParser(add_help=False)
    named.add_argument("name", help="of the dictionary")
    one = commands.add_parser("list", parents=[common()], help="all versions of all dictionaries")
    one.set_defaults(run=_list)
    one = commands.add_parser("show", parents=[common(), named], help="the entries of a dictionary")
    one.add_argument("version", nargs="?", help="v2 (the newest)")
    one.set_defaults(run=_show)
    one = commands.add_parser("add", parents=[common(), writing(), named], help="keep a file of words as the next version")
    one.add_argument("file", type=Path, nargs="?", help=".csv, .jsonl or .txt in UTF-8 (the place that project.yaml names)")
    one.add_argument("--extend", action="store_true", help="add to the newest version instead of replacing it")
    one.add_argument(
        "--conflicts", choices=["refuse", "first", "last"], default="refuse", help="which of two unlike entries counts"
    )
    one.add_argument("--notes", default="", help="what is new")
    one.set_defaults(run=_add)
    one = commands.add_parser("compare", parents=[common(), named], help="entries added, removed and changed; exit code 1")
    one.add_argument("first", help="v1")
    one.add_argument("second", nargs="?", help="v2 (the newest)")
    one.set_defaults(run=_compare)
    one = commands.add_parser("restore", parents=[common(), named], help="write a dictionary to a folder")
    one.add_argument("version", help="v2")
    one.add_argument("folder", type=Path, help="new or empty")
    one.set_defaults(run=_restore)
    one = commands.add_parser("tokenise", parents=[common(), named], help="part a text, or the lines of the input, into tokens")
    one.add_argument("text", nargs="?", help="the text (standard input)")
    one.add_argument("--version", help="v2 (the newest)")
    one.set_defaults(run=_tokenise)


def _list(settings: Settings, project: Project, options: argparse.Namespace) -> Iterator[Any]:
    found = dictionaries.list_dictionaries(settings, project, options.zone)
    if options.json:
        yield as_json(found)
        return
    names = ("dictionary", "dictionary_version", "number", "count", "created_at", "author")
    rows = [[*(str(one[name]) for name in names), one["digest"][7:19], one["notes"]] for one in found]
    yield from table(["dictionary", "version", "round", "words", "time", "author", "digest", "notes"], rows)


def _show(settings: Settings, project: Project, options: argparse.Namespace) -> Iterator[Any]:
    found = dictionaries.dictionary(settings, project, options.zone, options.name, options.version)
    for one in found.entries:
        values = asdict(one)
        yield as_json(values) if options.json else "\t".join("" if v is None else str(v) for v in values.values()).rstrip("\t")


def _add(settings: Settings, project: Project, options: argparse.Namespace) -> Iterator[Any]:
    place = (settings, project, options.zone, options.name)
    if options.file is None:
        made = dictionaries.load_dictionary(*place, run_id(options), options.author)
    else:
        more = {"extend": options.extend, "conflicts": options.conflicts, "notes": options.notes}
        made = dictionaries.add_dictionary(*place, options.file, run_id(options), options.author, **more)
    if options.json:
        yield as_json(made)
        return
    its = made["report"]
    said = "is new" if made["new"] else "is there already"
    yield f"{made['tag']} of {made['repository']} {said}: {made['count']} words in round {made['round']}"
    yield ", ".join(f"{name} {its[name]}" for name in ("added", "removed", "changed", "repeated", "conflicts"))


def _compare(settings: Settings, project: Project, options: argparse.Namespace) -> Iterator[Any]:
    found = dictionaries.compare_dictionaries(settings, project, options.zone, options.name, options.first, options.second)
    yield int(not found["identical"])
    if options.json:
        yield as_json(found)
        return
    first, second = (f"{name} with {count}" for name, count in zip(found["versions"], found["words"], strict=True))
    yield f"{options.name}: {first} entries, {second}"
    yield f"added {found['added']}, removed {found['removed']}, changed {found['changed']}"
    for what, pairs in found["examples"].items():
        yield f"{what}, for example: {', '.join((new or old)['word'] for old, new in pairs)}"


def _restore(settings: Settings, project: Project, options: argparse.Namespace) -> Iterator[Any]:
    done = dictionaries.restore_dictionary(settings, project, options.zone, options.name, options.version, options.folder)
    if options.json:
        yield as_json(done)
        return
    yield f"{done['folder']} holds {done['dictionary']} {done['version']}: {done['words']} entries"
    yield f"SHA256SUMS has the digest {done['digest']}; the same digest anywhere means the same bytes"


def _tokenise(settings: Settings, project: Project, options: argparse.Namespace) -> Iterator[Any]:
    found = dictionaries.dictionary(settings, project, options.zone, options.name, options.version)
    for line in [options.text] if options.text is not None else sys.stdin:
        tokens = found.tokenise(line)
        if options.json:
            yield as_json(
                [{"text": t.text, "start": t.start, "end": t.end, "tag": t.entry.tag if t.entry else None} for t in tokens]
            )
        else:
            yield " ".join(f"{one.text}/{one.entry.tag or '-'}" if one.entry else one.text for one in tokens)
