"""Sources: where rounds come from. One reader a kind, and each gives items behind a high-water mark.

A reader is made for one collection. Its ``items()`` yields what is new, a record at a time; when all were taken, its
``mark`` lies behind the last, its ``findings`` hold what the source looked like, and ``objects()`` gives what belongs
beside the round so that the next collection knows what was taken. A new kind is one model in
`include.projects.sources`, one reader here and one line in `open_source`.
"""

from __future__ import annotations

from include.data.sources.base import Findings, Mark, Past, Reader, drift
from include.data.sources.files import FilesReader
from include.data.sources.rest import RestReader
from include.data.sources.sql import SqlReader
from include.data.sources.stream import TopicReader
from include.projects import Project
from include.projects.sources import FilesSource, RestSource, SqlSource
from include.settings import Settings

__all__ = ["Findings", "Mark", "Past", "Reader", "drift", "open_source", "source_name"]


def open_source(settings: Settings, project: Project, past: Past) -> Reader:
    """Return the reader of the project's source, as ``data.source.kind`` says. Nothing is contacted yet.

    Args:
        settings: addresses and credentials.
        project: ``data.source`` and the form of an item.
        past: what earlier rounds of this source left.
    """
    spec, name = project.data.source, source_name(settings, project)
    if isinstance(spec, SqlSource):
        return SqlReader(settings, spec, name, past)
    if isinstance(spec, FilesSource):
        return FilesReader(settings, spec, name, past, project.data.content)
    if isinstance(spec, RestSource):
        return RestReader(settings, spec, name, past, project.data.content)
    return TopicReader(settings, spec, name, past, project.data.content)


def source_name(settings: Settings, project: Project) -> str:
    """Return the source's name in rounds and marks, such as ``sql:scans``; it holds no credential.

    Raises:
        SourceError: a REST source names no address.
    """
    spec = project.data.source
    if isinstance(spec, SqlSource):
        return f"sql:{spec.table}"
    if isinstance(spec, FilesSource):
        return f"files:{spec.url.rstrip('/') or '/'}"
    if isinstance(spec, RestSource):
        from include.data.sources.rest import address

        return f"rest:{address(settings, spec)[0]}"
    return f"topic:{spec.topic}"
