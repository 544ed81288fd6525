"""The reader of each kind of source, and its name in rounds."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from pathlib import Path

from include.data.sources.base import Past, Reader
from include.data.sources.files import FilesReader
from include.data.sources.kafka import KafkaStream
from include.data.sources.rest import RestReader, address
from include.data.sources.sql import SqlReader
from include.data.sources.stream import Opened, StreamReader
from include.data.topic import Topic
from include.projects import Project
from include.projects.content import Content, TableContent
from include.projects.sources import FilesSource, KafkaSource, RestSource, Source, SqlSource, TopicSource
from include.settings import Settings


def open_reader(settings: Settings, spec: Source, name: str, past: Past, form: Content) -> Reader:
    """Return the reader of a source, as its ``kind`` says. Nothing is contacted yet.

    Args:
        settings: addresses and credentials.
        spec: the source.
        name: its name in rounds.
        past: what earlier rounds of this source left.
        form: the form of an item.
    """
    if isinstance(form, TableContent):
        spec = spec.model_copy(update={"content": list(form.columns)})
    if isinstance(spec, SqlSource):
        return SqlReader(settings, spec, name, past, form)
    if isinstance(spec, FilesSource):
        return FilesReader(settings, spec, name, past, form)
    if isinstance(spec, RestSource):
        return RestReader(settings, spec, name, past, form)
    if isinstance(spec, KafkaSource):
        return StreamReader(spec, name, past, form, partial(KafkaStream, spec, f"kafka {spec.topic}"))
    return StreamReader(spec, name, past, form, partial(_topic, settings, spec))


def source_names(settings: Settings, project: Project) -> dict[str, str]:
    """Return the name of each source in rounds and marks, by its label; none holds a credential.

    The first is ``sql:scans``; those of ``data.more_sources`` have their label before it: ``stream=kafka:scans``.

    Raises:
        SourceError: a REST source names no address.
    """
    found = {label: _name(settings, spec) for label, spec in project.data.sources.items()}
    return {label: f"{label}={name}" if label else name for label, name in found.items()}


def _name(settings: Settings, spec: Source) -> str:
    if isinstance(spec, SqlSource):
        return f"sql:{spec.table}"
    if isinstance(spec, FilesSource):
        return f"files:{spec.url.rstrip('/') or '/'}"
    if isinstance(spec, RestSource):
        return f"rest:{address(settings, spec)[0]}"
    return f"{spec.kind}:{spec.topic}"


def _topic(settings: Settings, spec: TopicSource) -> Opened:
    return nullcontext(Topic.open(Path(settings.home, spec.folder or "topics"), spec.topic))
