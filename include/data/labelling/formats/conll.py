"""CoNLL: a line a token with its tag in BIO, a blank line between texts; for tagging.

A comment ``# item_id: …`` before a text says which item it is; without it, the item is found by its words. Places come
from finding the tokens in the item's own text, so blanks between them may be any.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from include.data import labels
from include.data.labelling.formats.base import Entry, Files, LabelFileError, Sample, Target, Targets, shown
from include.projects import Project

NAME = re.compile(r"^# (?:item_id|id|sent_id)\s*[:=]\s*(.+)$")
TAG = re.compile(r"^(?:O|[BIESLU]-.+)$", re.DOTALL)
Line = tuple[int, str, str]


def read(files: Files, project: Project, targets: Targets) -> Iterator[Entry]:
    """Yield what the files say about their texts.

    Raises:
        LabelFileError: a line has no tag, a text is none of the version's, or a class is unknown.
    """
    by_words = {re.sub(r"\s+", "", target.text or ""): target for target in targets.all.values()}
    found = files.names(".conll") + files.names(".txt") + files.names(".bio")
    if not found:
        raise LabelFileError(files.name, "it holds no .conll, .bio or .txt file", "Name the file itself")
    for name in found:
        for title, lines in _blocks(files, name):
            where = files.where(name, lines[0][0])
            words = "".join(token for _, token, _ in lines)
            target = targets.find(title, where) if title else by_words.get(re.sub(r"\s+", "", words))
            if target is None:
                problem = f"the text {shown(words, 60)} is no item of {targets.where}"
                raise LabelFileError(where, problem, "Put `# item_id: …` before it, or take it out")
            label = labels.dump(_spans(lines, target, files, name))
            if problem := labels.problem(label, project, target.text) or "":
                raise LabelFileError(where, problem, "Correct it, then import the file again")
            yield Entry(target.item_id, label)


def write(folder: Path, samples: Iterable[Sample], project: Project) -> list[str]:
    """Write ``labels.conll``; return what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "labels.conll").open("w", encoding="utf-8", newline="\n") as file:
        for sample in samples:
            file.write(f"# item_id: {sample.item_id}\n")
            file.writelines(f"{token} {tag}\n" for token, tag in _tokens(sample))
            file.write("\n")
    return ["labels.conll"]


def _tokens(sample: Sample) -> Iterator[tuple[str, str]]:
    """Yield the words of a text, cut where a span begins or ends, with their tags."""
    text, spans = sample.about, sorted(labels.load(sample.label), key=lambda one: one["start"])
    for one, after in pairwise(spans):
        if after["start"] < one["end"]:
            problem = "its spans overlap, which CoNLL cannot say"
            raise LabelFileError(f"item {sample.item_id} ({sample.key[:80]})", problem, "Export CSV instead")
    edges = {edge for one in spans for edge in (one["start"], one["end"])}
    for word in re.finditer(r"\S+", text):
        inside = sorted(edge for edge in edges if word.start() < edge < word.end())
        cuts = [word.start(), *inside, word.end()]
        for begin, end in pairwise(cuts):
            span = next((one for one in spans if one["start"] <= begin and end <= one["end"]), None)
            first = span is not None and not text[span["start"] : begin].strip()
            yield text[begin:end], "O" if span is None else f"{'B' if first else 'I'}-{span['class']}"


def _blocks(files: Files, name: str) -> Iterator[tuple[str, list[Line]]]:
    title, lines = "", list[Line]()
    for number, line in enumerate([*files.text(name).split("\n"), ""], 1):
        line = line.rstrip("\r")
        if not line.strip():
            if lines:
                yield title, lines
                title, lines = "", []
        elif not lines and (match := NAME.match(line)):
            title = match[1].strip()
        elif line.startswith("-DOCSTART-") or (line.startswith("# ") and not lines and not TAG.match(line.split()[-1])):
            continue
        else:
            token, tag = _line(line)
            if not token or not TAG.match(tag):
                problem = f"{shown(line, 60)} is no token with a tag such as B-PER or O"
                raise LabelFileError(files.where(name, number), problem, "Write a token, a blank and its tag in BIO")
            lines.append((number, token, tag))


def _line(line: str) -> tuple[str, str]:
    """Return token and tag of a line; a tag may hold blanks (a class of two words), and columns between are left out."""
    if "\t" in line:
        parts = line.split("\t")
        return parts[0].strip(), parts[-1].strip()
    if match := re.match(r"^(\S+)\s+(?:\S+\s+){0,2}?(O|[BIESLU]-.+)$", line.strip()):
        return match[1], match[2]
    return "", ""


def _spans(lines: list[Line], target: Target, files: Files, name: str) -> list[dict[str, Any]]:
    text, place = target.text or "", 0
    found: list[dict[str, Any]] = []
    before = "O"
    for number, token, tag in lines:
        begin = text.find(token, place)
        if begin < 0 or text[place:begin].strip():
            problem = f"the token {shown(token, 40)} does not come next in the text of {target.key[:80]!r}"
            raise LabelFileError(files.where(name, number), problem, "Was the text changed since? Label this version of it")
        place = begin + len(token)
        kind, _, word = tag.partition("-")
        if kind in ("I", "E", "L") and found and before == word:
            found[-1]["end"] = place
        elif kind != "O":
            found.append({"class": word, "end": place, "start": begin})
        before = "" if kind in ("O", "E", "L", "S", "U") else word
    return found
