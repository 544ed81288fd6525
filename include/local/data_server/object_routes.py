"""The API of objects: upload, download, stat, listing, copy and delete."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from include.local.data_server import downloads, names, objects, uploads
from include.local.data_server.blobs import Received
from include.local.data_server.errors import ApiError, BadRequest, NotFound
from include.local.data_server.paging import cut
from include.local.data_server.tree import Entry
from include.local.data_server.web import Call, Json, empty, listing


def stats(call: Call, path: str, entry: Entry, *, metadata: bool = True) -> dict[str, Any]:
    """Return an object's record as the API shows it."""
    answer: dict[str, Any] = {
        "path": path,
        "path_type": "object",
        "physical_address": f"local://{call.params['repository']}/{entry.sha}",
        "checksum": entry.checksum,
        "size_bytes": entry.size,
        "mtime": entry.mtime,
        "content_type": entry.content_type,
    }
    if metadata:
        answer["metadata"] = entry.metadata
    return answer


def allowed(call: Call) -> Response:
    """Tell whether an upload would be refused before its bytes are sent."""
    names.check_path(call.text("path"))
    with call.reading() as session:
        session.writable_branch(call.params["branch"], force=call.flag("force"))
    return empty()


async def upload(call: Call, request: Request, limit: int, run_read: Any, run_write: Any) -> Response:
    """Take one object's bytes; nothing is kept unless all have arrived and the branch may be written.

    What is large is asked for permission early, so that no caller fills the disk with what is then refused.
    """
    path = names.check_path(call.text("path"))
    uploads.check_length(call.headers, limit)
    if_none_match = call.headers.get("if-none-match")
    if if_none_match not in (None, "*"):
        raise BadRequest("If-None-Match: only '*' is supported here")
    metadata = names.check_metadata(uploads.user_metadata(call.headers))
    incoming = call.store.blobs.receive(limit)

    async def stream() -> AsyncIterator[bytes]:
        asked = False
        async for chunk in request.stream():
            if incoming.spilled and not asked:
                await run_read(lambda: allowed(call))
                asked = True
            yield chunk

    try:
        content_type = await uploads.read(stream(), call.headers, incoming)
        if len(content_type) > names.MAX_PATH_BYTES:
            raise BadRequest("Content-Type is too long")
        received: Received = await run_read(incoming.finish) if incoming.spilled else incoming.finish()
    finally:
        incoming.discard()

    def stage() -> Response:
        with call.writing(durable=False) as session:
            entry = objects.put(
                session, call.params["branch"], path, received, content_type, metadata,
                if_none_match=if_none_match, if_match=call.headers.get("if-match"), force=call.flag("force"),
            )  # fmt: skip
        return Json(stats(call, path, entry), status_code=201)

    answer: Response = await run_write(stage)
    return answer


def download(call: Call) -> Response:
    """Give an object's bytes."""
    return _content(call, head=False)


def head(call: Call) -> Response:
    """Give an object's headers."""
    return _content(call, head=True)


def _content(call: Call, *, head: bool) -> Response:
    _refuse_presign(call)
    with call.reading() as session:
        entry = objects.find(session, call.params["ref"], call.text("path"))
        data = objects.content(session, entry)
    return downloads.answer(
        entry, data, call.store.blobs.path(entry.sha), wanted=call.headers.get("range"),
        if_none_match=call.headers.get("if-none-match"), head=head,
    )  # fmt: skip


def _refuse_presign(call: Call) -> None:
    if call.flag("presign"):
        raise BadRequest("operation not supported: the embedded data server gives no presigned URLs, read through its API")


def stat(call: Call) -> Response:
    """Give an object's record."""
    _refuse_presign(call)
    path = call.text("path")
    with call.reading() as session:
        entry = objects.find(session, call.params["ref"], path)
    return Json(stats(call, path, entry, metadata=call.flag("user_metadata", default=True)))


def underlying(call: Call) -> Response:
    """Give what the storage says of an object: it has no storage classes."""
    with call.reading() as session:
        objects.find(session, call.params["ref"], call.text("path"))
    return Json({"storage_class": None})


def list_objects(call: Call) -> Response:
    """List objects, and groups of them by a delimiter."""
    _refuse_presign(call)
    page, metadata = call.page(), call.flag("user_metadata", default=True)
    with call.reading() as session:
        found, more = cut(objects.view(session, call.params["ref"]).scan, page)
    results = [
        stats(call, path, entry, metadata=metadata)
        if entry is not None
        else {"path": path, "path_type": "common_prefix", "physical_address": "", "checksum": "", "mtime": 0}
        for path, entry in found
    ]
    return listing(results, more, page.amount, lambda r: r["path"])


def delete(call: Call) -> Response:
    """Remove one object."""
    with call.writing(durable=False) as session:
        objects.delete(session, call.params["branch"], [call.text("path")], force=call.flag("force"))
    return empty()


def delete_many(call: Call) -> Response:
    """Remove many objects; one path that cannot name an object does not keep the others."""
    paths = call.field("paths", list, [])
    if len(paths) > objects.MOST_DELETED:
        raise BadRequest(f"request size exceeded: at most {objects.MOST_DELETED} paths in one call")
    good, errors = [], []
    for path in paths:
        try:
            good.append(names.check_path(path))
        except ApiError as error:
            errors.append({"status_code": error.status, "message": error.message, "path": str(path)})
    with call.writing(durable=False) as session:
        objects.delete(session, call.params["branch"], good, force=call.flag("force"))
    return Json({"errors": errors})


def copy(call: Call) -> Response:
    """Copy an object inside the repository; its bytes are shared."""
    path = names.check_path(call.text("dest_path"))
    source = names.check_path(call.field("src_path", str))
    with call.writing(durable=False) as session:
        force = call.field("force", bool, False)
        entry = objects.copy(session, call.field("src_ref", str, ""), source, call.params["branch"], path, force=force)
    return Json(stats(call, path, entry), status_code=201)


def set_user_metadata(call: Call) -> Response:
    """Replace an object's user metadata."""
    path = names.check_path(call.text("path"))
    if "set" not in call.json():
        raise BadRequest("field 'set' is required: the object's new metadata")
    metadata = names.check_metadata(call.field("set", dict))
    with call.writing(durable=False) as session:
        if objects.view(session, call.params["branch"]).get(path) is None:
            raise NotFound(f"object {path!r} not found on branch {call.params['branch']!r}")
        objects.set_metadata(session, call.params["branch"], path, metadata)
    return empty(201)
