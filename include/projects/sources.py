"""The kinds of source that ``data.source`` of a project.yaml may be; ``kind`` says which."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

FIELD = r"^\S(.*\S)?$"
SERVER = r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}$"
VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
ITEM_FORMATS = ("npy", "raw", "image", "text", "audio", "video")

Name = Annotated[str, Field(pattern=FIELD, max_length=200)]
Decode = Literal["array", "base64", "hex", "bytes"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class SqlSource(_Part):
    """A table of the caller's database, read by a growing key or by a time."""

    kind: Literal["sql"]
    table: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.]*$", description="Name of the table or view.")
    key: str = Field("id", description="Unique column; the high-water mark, and then one that only grows, unless time is given.")
    time: str | None = Field(
        None, description="Column with the time a row was made or changed: rows are read by it. Rows of equal time may come late."
    )
    content: Name | list[Name] | None = Field(
        None, description="Column with the item itself; left out where items are rows of a table."
    )
    label: str | None = Field(None, description="Column with the true answer, where the caller knows it.")
    taken_at: str | None = Field(None, description="Column with the time the item was made.")
    group: str | None = Field(None, description="Column that tells whose item it is (person, device): such items stay together.")
    fetch_rows: int = Field(5000, ge=1, description="Rows fetched at a time.")

    @property
    def contents(self) -> list[str]:
        """Return the columns of the content, one or many."""
        return [self.content] if isinstance(self.content, str) else list(self.content or ())

    @property
    def needed(self) -> list[str]:
        """Return the columns without which there is no complete item."""
        return [name for name in (self.key, self.time, *self.contents, self.label, self.taken_at, self.group) if name]


class _Records(_Part):
    """Which fields of a record make an item; ``a.b`` is field b of field a."""

    key: Name | None = Field(None, description="Field with the unique key of an item.")
    content: Name | list[Name] | None = Field(None, description="Field with the item itself, or the list of its number fields.")
    decode: Decode = Field("array", description="How the field holds it: a list of numbers (or its JSON), text, or bytes.")
    label: Name | None = Field(None, description="Field with the true answer, where the source knows it.")
    taken_at: Name | None = Field(None, description="Field with the time the item was made.")
    group: Name | None = Field(None, description="Field that tells whose item it is: such items stay together.")

    @property
    def contents(self) -> list[str]:
        """Return the fields of the content, one or many."""
        return [self.content] if isinstance(self.content, str) else list(self.content or ())

    @property
    def needed(self) -> list[str]:
        """Return the fields without which there is no complete item; what begins with ``@`` is no field."""
        names = (self.key, *self.contents, self.label, self.taken_at, self.group)
        return list(dict.fromkeys(name for name in names if name and not name.startswith("@")))

    @model_validator(mode="after")
    def _content(self) -> _Records:
        if isinstance(self.content, list) and (not self.content or self.decode != "array"):
            raise ValueError("a list of content fields must name at least one, with decode: array")
        return self


class FilesSource(_Records):
    """Files of a folder or object store; each is taken once, and what was added to it later, once more."""

    kind: Literal["files"]
    url: str = Field(
        min_length=1, description="Folder: a path (relative to the home of the product), or an fsspec URL such as s3://bucket/in."
    )
    glob: str = Field("**/*", min_length=1, description="Which files below it; ** is any number of folders.")
    format: Literal["csv", "parquet", "jsonl", "npy", "raw", "image", "text", "audio", "video"] = Field(
        description="Rows of csv, parquet or jsonl; or one item a file: npy, raw, image, text, audio, video."
    )
    frame_every_s: float | None = Field(
        None, gt=0, description="Of video: pictures so many seconds apart are the items, <path>#t=12.500, not the file."
    )
    charset: str = Field("utf-8", description="Of csv, jsonl and text, such as cp949.")
    delimiter: str = Field(",", min_length=1, max_length=1, description="Of csv.")
    settle_s: float = Field(
        0, ge=0, description="A file changed less than so many seconds ago may not be whole yet: left for later."
    )
    options_env: str | None = Field(
        None, pattern=VARIABLE, description="Environment variable with the store's credentials: a JSON object of fsspec options."
    )

    @model_validator(mode="after")
    def _fits(self) -> FilesSource:
        if "::" in self.url or "@" in self.url.partition("://")[2].partition("/")[0]:
            raise ValueError("url must be one plain address without credentials: those belong into the variable of options_env")
        if self.frame_every_s and self.format != "video":
            raise ValueError(f"frame_every_s means nothing to format {self.format}: it is for video")
        if self.format in ITEM_FORMATS:
            if self.content or self.key:
                raise ValueError(f"format {self.format} is one item a file, named by its path: leave key and content out")
            for name, only in (("label", "@folder"), ("group", "@folder"), ("taken_at", "@modified")):
                if getattr(self, name) not in (None, only):
                    raise ValueError(f"{name} of format {self.format} can only be {only}")
        try:
            "".encode(self.charset)
        except (LookupError, UnicodeError) as cause:
            raise ValueError(f"charset {self.charset!r} is not known") from cause
        return self


class Pages(_Part):
    """Numbered pages, until one is empty."""

    style: Literal["page"]
    parameter: str = Field("page", description="Parameter with the page's number.")
    first: int = Field(1, ge=0, description="Number of the first page.")
    size_parameter: str | None = Field(None, description="Parameter with the page's size.")
    size: int = Field(100, ge=1, description="Sent as size_parameter, where that is given.")


class Cursors(_Part):
    """Each answer holds a cursor to the next page; none, null or empty ends it."""

    style: Literal["cursor"]
    parameter: str = Field("cursor", description="Parameter with the cursor.")
    next: str = Field("next_cursor", description="Where the answer holds it; a.b is field b of field a.")


class Links(_Part):
    """Each answer holds the next page's address: in the ``Link`` header (rel="next"), or in a field."""

    style: Literal["link"]
    next: str | None = Field(None, description="Where the answer holds it; the Link header where not given.")


class OnePage(_Part):
    """One answer holds everything."""

    style: Literal["none"]


Pagination = Annotated[Pages | Cursors | Links | OnePage, Field(discriminator="style")]


class RestSource(_Records):
    """A JSON API; records behind the mark are taken, whatever order it gives them in."""

    kind: Literal["rest"]
    url: str | None = Field(
        None,
        pattern=r"^https?://[^\s@?#]+$",
        description="Address without credentials or parameters. Where not given, the one in the connection devmlops_source"
        " (DEVMLOPS_SOURCE_URL), whose password is the bearer token.",
    )
    token_env: str | None = Field(None, pattern=VARIABLE, description="Environment variable with the bearer token.")
    params: dict[str, str] = Field({}, description="Sent with each request; no secrets.")
    records: str = Field("", description="Where the answer holds the list of records; empty: the answer is the list.")
    key: Name = Field(description="Field with the unique key of a record.")
    content: Name | list[Name] | None = Field(None, description="Field with the item itself, or the list of its number fields.")
    time: Name | None = Field(
        None, description="Field with the time a record was made or changed; needed where keys are no growing numbers."
    )
    since: str | None = Field(None, description="Parameter by which the API gives only records from the mark on.")
    pagination: Pagination = Field(OnePage(style="none"), description="How the answer goes on.")
    tries: int = Field(5, ge=1, le=20, description="Of each request that gets no answer, or one of 429, 500, 502, 503 or 504.")
    max_wait_s: float = Field(60, ge=0, description="Longest pause between two tries, also where Retry-After asks for more.")
    requests_per_s: float | None = Field(None, gt=0, description="At most so many requests a second.")
    timeout_s: float = Field(30, gt=0, description="How long one answer may take, in seconds.")
    max_pages: int = Field(100_000, ge=1, description="More pages than this are an API that never ends.")

    @property
    def needed(self) -> list[str]:
        """Return the fields without which there is no complete item."""
        return list(dict.fromkeys([*super().needed, *([self.time] if self.time else [])]))


class _Stream(_Records):
    """Records of a stream; ``@key``, ``@time`` and ``@header.name`` are what stands beside a record's value."""

    topic: str = Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$", description="Name of the topic.")
    content: Name | list[Name] | None = Field(
        None, description="Field with the item itself, or the list of its number fields; @value: the value is the item, no JSON."
    )
    max_records: int = Field(100_000, ge=1, description="Records of one round at most; the next round goes on behind them.")

    @property
    def raw(self) -> bool:
        """Tell whether a record's value is the item itself, and no JSON with fields."""
        return self.content == "@value"

    @model_validator(mode="after")
    def _beside(self) -> _Stream:
        for name in ("key", "label", "taken_at", "group"):
            field = getattr(self, name) or "@"
            if self.raw and not field.startswith("@"):
                raise ValueError(f"{name}: with content @value a record has no fields, only @key, @time and @header.name")
            if field.startswith("@") and field not in ("@", "@key", "@time") and not field.startswith("@header."):
                raise ValueError(f"{name}: {field} is none of @key, @time and @header.name")
        return self


class TopicSource(_Stream):
    """A stream, read in micro-batches: a topic of partitions whose records have growing offsets, on this machine's disk."""

    kind: Literal["topic"]
    folder: str | None = Field(None, description="Folder of topics; where not given, topics under the home of the product.")


class KafkaSource(_Stream):
    """A topic of a Kafka cluster, read in micro-batches. Its offsets are kept in the rounds; nothing is committed there."""

    kind: Literal["kafka"]
    servers: list[Annotated[str, Field(pattern=SERVER)]] = Field(
        [], description="Brokers to begin at, host:port; where not given, bootstrap.servers in the variable of options_env."
    )
    options_env: str | None = Field(
        None, pattern=VARIABLE, description="Environment variable with security and other options of librdkafka: a JSON object."
    )
    timeout_s: float = Field(30, gt=0, description="How long brokers may be silent.")

    @model_validator(mode="after")
    def _reachable(self) -> KafkaSource:
        if not self.servers and not self.options_env:
            raise ValueError("name servers, or options_env with bootstrap.servers")
        return self


Source = Annotated[SqlSource | FilesSource | RestSource | TopicSource | KafkaSource, Field(discriminator="kind")]


KINDS = {"sql", "files", "rest", "topic", "kafka"}
TAGS = {
    "source": KINDS,
    "pagination": {"page", "cursor", "link", "none"},
    "content": {"array", "text", "image", "audio", "video", "table"},
}
DISCRIMINATORS = {"source": "kind", "content": "kind", "pagination": "style"}


def place(error: Any) -> str:
    """Return where in project.yaml a pydantic error lies, without the tags that pydantic puts in for a chosen kind."""
    way: list[str] = []
    before = ""
    for part in map(str, error["loc"]):
        if part not in TAGS.get(before, ()):
            way.append(part)
        before = "source" if way[-2:-1] == ["more_sources"] and part == way[-1] else part
    if error["type"].startswith("union_tag"):
        way.append(DISCRIMINATORS.get(before, before))
    return ".".join(way)
