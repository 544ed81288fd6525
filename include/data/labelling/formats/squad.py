"""SQuAD 2.0: contexts with questions and where their answers stand; for question answering."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import orjson

from include.data import labels
from include.data.labelling.formats.base import Entry, Files, LabelFileError, Sample, Target, Targets, shown
from include.projects import Project


def read(files: Files, project: Project, targets: Targets) -> Iterator[Entry]:
    """Yield what the file answers; an item is found by its id, its key, or its context and question.

    Raises:
        LabelFileError: it is no SQuAD file, asks what no item asks, or an answer does not stand where it says.
    """
    name = files.one(".json")
    where = files.where(name)
    asked = {(one.about["context"], one.about["question"]): one for one in targets.all.values()}
    try:
        document = orjson.loads(files.bytes(name))
        found = [
            (str(part["context"]), str(qa["question"]), str(qa.get("id", "")), qa.get("answers") or [])
            for article in document["data"]
            for part in article["paragraphs"]
            for qa in part["qas"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as cause:
        raise LabelFileError(where, f"it is no SQuAD file: {cause!r:.120}", "It needs data, paragraphs, qas") from cause
    for context, question, title, given in found:
        target: Target = targets.all.get(title) or asked.get((context, question)) or targets.find(title, where)
        try:
            answers = {(int(one["answer_start"]), str(one["text"])) for one in given}
            label = labels.dump({"answers": [{"start": start, "text": text} for start, text in sorted(answers)]})
            problem = labels.problem(label, project, target.about)
        except (ValueError, KeyError, TypeError) as cause:
            problem = f"an answer needs text and answer_start: {cause!r:.80}"
        if problem:
            raise LabelFileError(where, f"question {shown(question, 60)}: {problem}", "Correct it, then import the file again")
        yield Entry(target.item_id, label)


def write(folder: Path, samples: Iterable[Sample], project: Project) -> list[str]:
    """Write ``squad.json``; return what was written."""
    paragraphs: dict[str, list[dict[str, object]]] = {}
    for sample in samples:
        answers = labels.load(sample.label)["answers"]
        qa = {
            "id": sample.item_id,
            "question": sample.about["question"] or "",
            "answers": [{"text": one["text"], "answer_start": one["start"]} for one in answers],
            "is_impossible": not answers,
        }
        paragraphs.setdefault(sample.about["context"] or "", []).append(qa)
    parts = [{"context": context, "qas": qas} for context, qas in paragraphs.items()]
    document = {"version": "v2.0", "data": [{"title": project.title, "paragraphs": parts}]}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "squad.json").write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    return ["squad.json"]
