"""Texts in a profile: length, vocabulary, frequent tokens of each class, scripts, empty and longest texts."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from include.data import DataError, dictionaries
from include.data.privacy import find_personal
from include.explore.book import Book, share
from include.explore.measuring import Measures
from include.projects import Project, ProjectError
from include.reports import bars, table
from include.settings import Settings, Zone
from include.training.transforms import terms

if TYPE_CHECKING:
    from include.explore.reading import Drawn

TOP, LONGEST, SHOWN = 15, 5, 160
SEARCHED = 1000  # texts that are searched for personal data
LEAST = 3  # texts that a token must stand in to be shown
SCRIPTS = {"HANGUL": "Hangul", "LATIN": "Latin", "CJK": "Han", "HIRAGANA": "Kana", "KATAKANA": "Kana", "CYRILLIC": "Cyrillic"}
SCRIPTS |= {"ARABIC": "Arabic", "GREEK": "Greek", "THAI": "Thai", "DEVANAGARI": "Devanagari", "HEBREW": "Hebrew"}

Tokens = Callable[[str], list[str]]


def tokens_of(settings: Settings, project: Project, zone: Zone) -> tuple[str, Tokens]:
    """Return what parts texts into tokens, and its name: the project's newest dictionary, its component, or words."""
    try:
        known = dictionaries.list_dictionaries(settings, project, zone)
    except DataError:
        known = []
    if known:
        newest = max(known, key=lambda one: one["number"])["dictionary"]
        try:
            words = dictionaries.dictionary(settings, project, zone, newest)
            return f"dictionary {words.name} {words.version}", words.texts
        except DataError:
            pass
    try:
        own = project.function("tokens", "tokens:tokens")
        return "the project's tokens component", lambda text: [getattr(one, "text", one) for one in own(text)]
    except ProjectError:
        return "words, and pairs of syllables of Hangul", terms


def measure(contents: Sequence[str], parted: tuple[str, Tokens] | None = None) -> Measures:
    """Take the figures of texts: characters, tokens, share of other tokens, script, Hangul's share."""
    import pandas as pd

    name, tokens = parted or ("words, and pairs of syllables of Hangul", terms)
    found, scripts = [], [_scripts(text) for text in contents]
    for text in contents:
        found.append(tokens(text))
    mixes = [Counter({one: times for one, times in counts.items() if one}) for counts in scripts]
    frame = pd.DataFrame(
        {
            "characters": [float(len(text)) for text in contents],
            "tokens": [float(len(one)) for one in found],
            "different tokens": [len(set(one)) / len(one) if one else 0.0 for one in found],
            "Hangul share": [mix["Hangul"] / max(mix.total(), 1) for mix in mixes],
            "main script": [mix.most_common(1)[0][0] if mix else "none" for mix in mixes],
        }
    )
    types = {"characters": "integer", "tokens": "integer", "different tokens": "number", "Hangul share": "number"}
    return Measures(frame, {**types, "main script": "category"}, more={"tokens": found, "scripts": scripts, "by": name})


def tell(book: Book, project: Project, drawn: Drawn, measures: Measures) -> None:
    """Write the sections about texts."""
    found: list[list[str]] = measures.more["tokens"]
    texts: Sequence[str] = drawn.contents
    vocabulary, within = Counter[str](), Counter[str]()
    for one in found:
        vocabulary.update(one)
        within.update(set(one))
    once = sum(times == 1 for times in vocabulary.values())
    some = texts[:SEARCHED]
    personal = Counter(kind for text in some for kind in {one.kind for one in find_personal(text)})
    facts = {
        "tokens_by": measures.more["by"],
        "tokens": vocabulary.total(),
        "vocabulary": len(vocabulary),
        "once": once,
        "empty": sum(not text.strip() for text in texts),
        "personal": dict(personal),
    }
    rows: list[tuple[str, Any]] = [
        ("tokens are", facts["tokens_by"]),
        ("tokens in all", facts["tokens"]),
        ("vocabulary", facts["vocabulary"]),
        ("of these, seen once", f"{once:,} ({share(once, len(vocabulary))})"),
        ("empty texts", (facts["empty"], "warn") if facts["empty"] else 0),
    ]
    said = ", ".join(f"{kind} in {times:,}" for kind, times in personal.most_common())
    rows.append((f"personal data found in {len(some):,} texts", (said, "bad") if said else "none"))
    book.number("vocabulary", len(vocabulary))
    book.number("empty_texts", facts["empty"])
    letters = Counter[str]()
    for counts in measures.more["scripts"]:
        letters.update({name or "digits, signs": times for name, times in counts.items()})
    total = max(letters.total(), 1)
    mix = {name: round(100 * times / total, 2) for name, times in letters.most_common()}
    book.add("Texts", table(("what", "value"), rows), "Scripts of the letters:", bars(mix, "%"), _mixed(measures))
    book.facts["texts"] = {**facts, "scripts": mix}
    top = _top(found, drawn.labels, within)
    shown = [(name, ", ".join(f"{token} ({times})" for token, times in counts)) for name, counts in top.items()]
    book.add("Frequent tokens", table(("class", f"its most frequent tokens, of those in {LEAST} texts or more"), shown))
    book.facts["texts"]["frequent"] = {name: dict(counts) for name, counts in top.items()}
    order = sorted(range(len(texts)), key=lambda place: -len(texts[place]))[:LONGEST]
    keys = drawn.rows["key"].to_pylist()
    longest = [(keys[place], len(texts[place]), safe(texts[place])[:SHOWN] + "…") for place in order]
    book.add("Longest texts", table(("key", "characters", "begins with"), longest))


def safe(text: str) -> str:
    """Return a text with personal data that a pattern finds replaced by its kind."""
    for one in reversed(find_personal(text)):
        text = f"{text[: one.start]}[{one.kind.upper()}]{text[one.end :]}"
    return text


def _mixed(measures: Measures) -> str:
    mixed = sum(len([name for name in counts if name]) > 1 for counts in measures.more["scripts"])
    return f"{mixed:,} of {len(measures.frame):,} texts mix scripts."


def _top(found: Iterable[list[str]], labels: Iterable[str | None], within: Counter[str]) -> dict[str, list[tuple[str, int]]]:
    by: dict[str, Counter[str]] = defaultdict(Counter)
    for one, label in zip(found, labels, strict=True):
        by["all"].update(one)
        if label is not None and len(by) < 40 and len(label) <= 60:
            by[label].update(one)
    allowed = {token for token, texts in within.items() if texts >= LEAST and any(map(str.isalnum, token))}
    top = {}
    for name, counts in by.items():
        ranked = ((token, times) for token, times in counts.most_common() if token in allowed and not find_personal(token))
        top[name] = [pair for pair, _ in zip(ranked, range(TOP), strict=False)]
    return top


def _scripts(text: str) -> Counter[str]:
    """Return how many letters of each script there are; under an empty name what is no letter."""
    found = Counter[str]()
    for one, times in Counter(text).items():
        if not one.isspace():
            found[_script(one)] += times
    return found


@cache
def _script(letter: str) -> str:
    if not letter.isalpha():
        return ""
    return SCRIPTS.get(unicodedata.name(letter, "OTHER").split()[0].split("-")[0], "other")
