"""lakeFS, or the embedded data server that speaks its API: one repository of one zone, by the official SDK."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from include.clients.tls import bundle_file
from include.errors import FinalError
from include.settings import Settings, Zone

if TYPE_CHECKING:
    from lakefs.client import Client
    from lakefs.models import ObjectInfo
    from lakefs.repository import Repository

CONNECT_S, READ_S = 5.0, 300.0
CONNECT_TRIES = 7  # waits 0, 0.4, 0.8, ... 12.8 s between them: a server that is being restarted is waited for
HURRY_CONNECT_S, HURRY_READ_S = 2.0, 10.0  # for pages, which rather say that a server is down than wait for it
CHUNK = 16 << 20


class DataError(RuntimeError):
    """Something about data that did not work.

    Attributes:
        where: the repository, object or table it is about.
        problem: what is wrong.
        advice: what to do.
    """

    def __init__(self, where: str, problem: str, advice: str) -> None:
        self.where, self.problem, self.advice = where, problem, advice
        super().__init__(f"{where}: {problem}. {advice}")


class DataUnreachable(DataError):
    """The server did not answer, or answered with a fault of its own; trying again may help."""


class DataNotFound(FinalError, DataError):
    """No such repository, branch, tag, commit or object."""


class DataDenied(FinalError, DataError):
    """The key is wrong, or its grants do not cover this."""


class DataConflict(DataError):
    """Two changes met: both are still there, nothing was merged."""


@dataclass(frozen=True)
class ObjectStat:
    """One object: its path, its size in bytes, and the checksum of its content."""

    path: str
    size: int
    checksum: str


@dataclass(frozen=True)
class CommitInfo:
    """One commit: its id, parents, message, metadata and time (seconds since 1970)."""

    id: str
    parents: list[str]
    message: str
    metadata: dict[str, str]
    created: int


class DataRepository:
    """One data repository, seen with the credential of a zone. Nothing is contacted before it is used.

    Args:
        settings: address and credential of the zone.
        repository: its name, such as ``digits-dev``.
        zone: whose credential is used.
        hurry: a server that does not answer is not waited for.

    Raises:
        DataDenied: this process holds no credential for the zone.
    """

    def __init__(self, settings: Settings, repository: str, zone: Zone, hurry: bool = False) -> None:
        self.settings, self.name, self.zone, self.hurry = settings, repository, zone, hurry
        try:
            self._endpoint = settings.data(zone)
        except ValueError as cause:
            raise DataDenied(repository, str(cause), "Data of this zone stays closed to this process until then") from cause

    def ensure(self) -> None:
        """Create the repository where it does not exist yet."""
        with self._calls(f"look for repository {self.name}"), contextlib.suppress(_sdk().NotFoundException):
            _ = self._repository.properties
            return
        prefix = self.settings.data_storage_namespace
        space = f"{prefix if prefix.endswith('/') else prefix + '/'}{self.name}"
        with self._calls(f"create repository {self.name}"):
            self._repository.create(storage_namespace=space, default_branch="main", exist_ok=True)

    def branch(self, name: str, source: str = "main") -> str:
        """Make branch ``name`` from ``source`` where it does not exist; return its head's commit id."""
        with self._calls(f"make branch {name} from {source}"):
            self._repository.branch(name).create(source, exist_ok=True)
        return self.head(name)

    def new_branch(self, name: str, source: str = "main") -> str:
        """Make branch ``name`` afresh from ``source``, dropping one of that name; return its head's commit id."""
        self.delete_branch(name)
        return self.branch(name, source)

    def delete_branch(self, name: str) -> None:
        """Delete a branch; one that is not there counts as deleted. Its commits stay where they were merged."""
        with self._calls(f"delete branch {name}"), contextlib.suppress(_sdk().NotFoundException):
            self._repository.branch(name).delete()

    def head(self, ref: str) -> str:
        """Return the commit id that ``ref`` (branch, tag or commit id) stands for."""
        return self.commit_info(ref).id

    def has(self, ref: str) -> bool:
        """Tell whether a branch, tag or commit of that name exists."""
        try:
            self.commit_info(ref)
        except DataNotFound:
            return False
        return True

    def commit_info(self, ref: str) -> CommitInfo:
        """Return the commit that ``ref`` stands for."""
        with self._calls(f"read commit {ref}"):
            return _info(self._repository.ref(ref).get_commit())

    def log(self, ref: str = "main") -> Iterator[CommitInfo]:
        """Yield the commits behind ``ref``, newest first, a thousand to a request."""
        with self._calls(f"read the log of {ref}"):
            for commit in self._repository.ref(ref).log(amount=1000):
                yield _info(commit)

    def find(self, ref: str = "main", **metadata: str) -> CommitInfo | None:
        """Return the newest commit behind ``ref`` whose metadata hold all of ``metadata``, or None."""
        wanted = metadata.items()
        return next((commit for commit in self.log(ref) if wanted <= commit.metadata.items()), None)

    def put(self, branch: str, path: str, content: bytes | Path) -> None:
        """Write an object to a branch, uncommitted; a file is read piece by piece."""
        with self._calls(f"write {path} to branch {branch}"):
            target = self._repository.branch(branch).object(path)
            # pre_sign is said each time: left open, the SDK asks for the repository once per object.
            with target.writer("wb", pre_sign=False, content_type="application/octet-stream") as writer:
                if isinstance(content, Path):
                    with content.open("rb") as file:
                        for chunk in iter(partial(file.read, CHUNK), b""):
                            writer.write(chunk)
                else:
                    writer.write(content)

    def get(self, ref: str, path: str) -> bytes:
        """Return an object's bytes."""
        with self._calls(f"read {path} at {ref}"), self._repository.ref(ref).object(path).reader(pre_sign=False) as reader:
            return cast(bytes, reader.read())

    def fetch(self, ref: str, path: str, target: Path) -> None:
        """Write an object to the file ``target``, piece by piece, so that its size does not matter."""
        with (
            self._calls(f"read {path} at {ref}"),
            self._repository.ref(ref).object(path).reader(pre_sign=False) as reader,
            target.open("wb") as file,
        ):
            while chunk := reader.read(CHUNK):
                file.write(cast(bytes, chunk))

    def list(self, ref: str, prefix: str = "", delimiter: str | None = None) -> Iterator[str]:
        """Yield the paths under ``prefix`` in order; with a delimiter, folders come once and end with it."""
        with self._calls(f"list {prefix or 'all'} at {ref}"):
            for entry in self._repository.ref(ref).objects(prefix=prefix, delimiter=delimiter, amount=1000):
                yield entry.path

    def stats(self, ref: str, prefix: str = "") -> Iterator[ObjectStat]:
        """Yield path, size and checksum of the objects under ``prefix``, a thousand to a request."""
        with self._calls(f"list {prefix or 'all'} at {ref}"):
            for entry in self._repository.ref(ref).objects(prefix=prefix, amount=1000):
                stat = cast("ObjectInfo", entry)  # without a delimiter there are no folders
                yield ObjectStat(stat.path, stat.size_bytes or 0, stat.checksum)

    def branches(self, prefix: str = "") -> Iterator[str]:
        """Yield the names of the branches that begin with ``prefix``, in order."""
        with self._calls("list branches"):
            for branch in self._repository.branches(prefix=prefix, amount=1000):
                yield branch.id

    def commit(self, branch: str, message: str, metadata: Mapping[str, Any]) -> str:
        """Commit what was written to a branch; return the commit id. Metadata values become text."""
        with self._calls(f"commit to branch {branch}"):
            return self._repository.branch(branch).commit(message, {k: str(v) for k, v in metadata.items()}).id

    def merge(self, branch: str, into: str = "main", message: str = "", metadata: Mapping[str, Any] | None = None) -> str:
        """Merge a branch's commits; return the merge's commit id.

        Raises:
            DataConflict: both sides changed the same object; nothing was merged.
        """
        texts = {k: str(v) for k, v in (metadata or {}).items()}
        with self._calls(f"merge branch {branch} into {into}"):
            merged = self._repository.branch(branch).merge_into(into, message=message or f"Merge {branch}", metadata=texts)
        return merged

    def tag(self, name: str, ref: str) -> str:
        """Tag a commit, once and for all; return its id. The same tag on the same commit is no change.

        Raises:
            DataConflict: the tag exists on another commit.
        """
        commit = self.head(ref)
        with self._calls(f"tag {commit} as {name}"):
            self._repository.tag(name).create(commit, exist_ok=True)
        existing = self.head(name)
        if existing != commit:
            raise DataConflict(
                f"{self.name} at tag {name}", f"it stands for {existing} already", "Take another name; tags never move"
            )
        return existing

    def tags(self) -> dict[str, str]:
        """Return every tag with its commit id."""
        from lakefs.reference import generate_listing

        with self._calls("list tags"):
            return {
                t.id: t.commit_id for t in generate_listing(self._client.sdk_client.tags_api.list_tags, self.name, amount=1000)
            }

    @cached_property
    def _repository(self) -> Repository:
        from lakefs.repository import Repository

        return Repository(self.name, self._client)

    @cached_property
    def _client(self) -> Client:
        import urllib3
        from lakefs.client import Client

        client = Client(
            host=self._endpoint.url,
            username=self._endpoint.access_key,
            password=self._endpoint.secret_key.get_secret_value(),
            ssl_ca_cert=bundle_file(self.settings),
        )
        pool = client.sdk_client.objects_api.api_client.rest_client.pool_manager
        # lakefs-sdk 1.86 waits for an answer without end and its upload has no setting for it.
        limit = urllib3.Timeout(connect=CONNECT_S, read=READ_S)
        tries, again = CONNECT_TRIES, 1
        if self.hurry:
            limit, tries, again = urllib3.Timeout(connect=HURRY_CONNECT_S, read=HURRY_READ_S), 0, 0
        retry = urllib3.Retry(connect=tries, read=again, other=0, redirect=2, status=0, backoff_factor=0.2)
        request = pool.request

        def limited(method: str, url: str, **options: Any) -> Any:
            options["timeout"] = options.get("timeout") or limit
            return request(method, url, **{"retries": retry, **options})

        pool.request = limited
        return client

    @contextlib.contextmanager
    def _calls(self, doing: str) -> Iterator[None]:
        """Turn what the SDK raises into our errors; a 404 leaves as ours unless the caller handles the SDK's."""
        import pydantic.v1
        import urllib3
        from lakefs.exceptions import LakeFSException
        from lakefs_sdk.exceptions import ApiException

        where = f"{self.name} on {re.sub(r'//[^/@]*@', '//', self._endpoint.url)}"
        try:
            yield
        except (LakeFSException, ApiException) as cause:
            raise _error(where, doing, cause, self.zone) from cause
        except urllib3.exceptions.HTTPError as cause:
            reason = getattr(cause, "reason", None) or cause
            advice = f"Start the data server or correct DEVMLOPS_DATA_{self.zone.upper()}_URL, then try again"
            raise DataUnreachable(where, f"cannot {doing}: no answer ({type(reason).__name__})", advice) from cause
        except (pydantic.v1.ValidationError, json.JSONDecodeError) as cause:
            problem = f"cannot {doing}: question or answer is not lakeFS's API ({str(cause).splitlines()[0]})"
            raise DataError(where, problem, "Check that the address is a lakeFS server's") from cause


def _sdk() -> Any:
    import lakefs.exceptions

    return lakefs.exceptions


def _info(commit: Any) -> CommitInfo:
    return CommitInfo(commit.id, list(commit.parents), commit.message, dict(commit.metadata or {}), commit.creation_date)


def _error(where: str, doing: str, cause: Any, zone: str) -> DataError:
    status = getattr(cause, "status_code", None) or getattr(cause, "status", None)
    body = getattr(cause, "body", None)
    if isinstance(body, str | bytes):
        with contextlib.suppress(ValueError):
            body = json.loads(body)
    said = body.get("message") if isinstance(body, dict) else None
    problem = f"cannot {doing}: {said or getattr(cause, 'reason', None) or type(cause).__name__}"
    if status == 404:
        return DataNotFound(where, problem, "Check the name, and that the step that makes it has run")
    if status in (401, 403):
        advice = f"Check DEVMLOPS_DATA_{zone.upper()}_ACCESS_KEY and _SECRET_KEY, and what that key may do"
        return DataDenied(where, problem, advice)
    if status == 409:
        return DataConflict(where, problem, "Begin again from the present state of main")
    if status is None or status >= 500:
        return DataUnreachable(where, f"{problem} (HTTP {status})", "Look at the data server's log, then try again")
    return DataError(where, f"{problem} (HTTP {status})", "See the server's words above")
