"""The API of references: branches, tags, commits, log, diff and merge."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response

from include.local.data_server import commits, compare, diffs, names, refs, repositories, tree
from include.local.data_server.commits import Note
from include.local.data_server.errors import BadRequest
from include.local.data_server.refs import Commit
from include.local.data_server.store import Session
from include.local.data_server.web import Call, Json, empty, listing

_LATEST = 253402300799  # the year 9999 ends: dates past it cannot be shown


def list_branches(call: Call) -> Response:
    """List branches; hidden ones only when asked for."""
    page = call.page()
    with call.reading() as session:
        found, more = repositories.list_refs(session, "branch", page, hidden=call.flag("show_hidden"))
    return listing(found, more, page.amount, lambda r: r["id"])


def create_branch(call: Call) -> Response:
    """Make a branch and answer with the commit it starts at, as plain text."""
    name, source = names.check_branch(call.field("name", str)), call.field("source", str, "")
    if not source:
        raise BadRequest("field 'source' is required: the reference that the branch starts at")
    hidden, force = call.field("hidden", bool, False), call.field("force", bool, False)
    with call.writing() as session:
        head = repositories.create_branch(session, name, source, hidden=hidden, force=force)
    return Response(head, status_code=201, media_type="text/html")


def get_branch(call: Call) -> Response:
    """Give a branch's head."""
    with call.reading() as session:
        row = session.branch(call.params["branch"])
    return Json({"id": row["id"], "commit_id": row["head"]})


def delete_branch(call: Call) -> Response:
    """Remove a branch."""
    with call.writing() as session:
        repositories.delete_branch(session, call.params["branch"], force=call.flag("force"))
    return empty()


def reset_branch(call: Call) -> Response:
    """Drop uncommitted changes: all, of one path, or under a prefix."""
    kind, path, force = call.field("type", str, ""), call.field("path", str, ""), call.field("force", bool, False)
    with call.writing() as session:
        commits.reset(session, call.params["branch"], kind, path, force=force)
    return empty()


def hard_reset(call: Call) -> Response:
    """Let a branch point elsewhere."""
    if not call.text("ref"):
        raise BadRequest("query parameter 'ref' is required")
    with call.writing() as session:
        commits.hard_reset(session, call.params["branch"], call.text("ref"), force=call.flag("force"))
    return empty()


def list_tags(call: Call) -> Response:
    """List tags."""
    page = call.page()
    with call.reading() as session:
        found, more = repositories.list_refs(session, "tag", page)
    return listing(found, more, page.amount, lambda r: r["id"])


def create_tag(call: Call) -> Response:
    """Make a tag."""
    name, ref = names.check_tag(call.field("id", str)), call.field("ref", str, "")
    if not ref:
        raise BadRequest("field 'ref' is required: the reference to tag")
    with call.writing() as session:
        made = repositories.create_tag(session, name, ref, force=call.field("force", bool, False))
    return Json(made, status_code=201)


def get_tag(call: Call) -> Response:
    """Give a tag's commit."""
    with call.reading() as session:
        return Json(repositories.tag(session, call.params["tag"]))


def delete_tag(call: Call) -> Response:
    """Remove a tag."""
    with call.writing() as session:
        repositories.delete_tag(session, call.params["tag"], force=call.flag("force"))
    return empty()


def _note(call: Call, source: dict[str, Any], *, required: bool = False) -> Note:
    message = names.check_message(source.get("message"), required=required)
    created = call.field("date", int)
    if created is not None and not 0 <= created <= _LATEST:
        raise BadRequest("field 'date' must be seconds since 1970")
    return Note(message, names.check_metadata(source.get("metadata")), created)


def commit(call: Call) -> Response:
    """Commit a branch's changes."""
    if "source_metarange" in call.query:
        raise BadRequest("source_metarange is not supported by the embedded data server")
    note = _note(call, call.json(), required=True)
    allow_empty, force = call.field("allow_empty", bool, False), call.field("force", bool, False)
    with call.writing() as session:
        made = commits.commit(session, call.params["branch"], note, allow_empty=allow_empty, force=force)
    return Json(made.to_json(), status_code=201)


def get_commit(call: Call) -> Response:
    """Give the commit of a reference."""
    with call.reading() as session:
        return Json(refs.commit_of(session, call.params["commit"]).to_json())


def merge(call: Call) -> Response:
    """Merge a reference into a branch."""
    if not call.body:
        call.body = b"{}"
    note = _note(call, call.json())
    options = {name: call.field(name, bool, False) for name in ("allow_empty", "force")}
    squash, strategy = call.field("squash_merge", bool, False), call.field("strategy", str, "")
    with call.writing() as session:
        made = commits.merge(
            session, call.params["source"], call.params["branch"], note, strategy=strategy, squash=squash, **options
        )
    return Json({"reference": made.id})


def merge_base(call: Call) -> Response:
    """Give the latest common ancestor of two references."""
    with call.reading() as session:
        source, target = refs.commit_of(session, call.params["source"]), refs.commit_of(session, call.params["branch"])
        base = refs.merge_base(session, source, target)
    return Json({"source_commit_id": source.id, "destination_commit_id": target.id, "base_commit_id": base.id})


def _overrides(call: Call) -> Note:
    return _note(call, call.field("commit_overrides", dict, {}))


def revert(call: Call) -> Response:
    """Take a commit's changes back."""
    ref, number = call.field("ref", str, ""), call.field("parent_number", int, 0)
    if not ref:
        raise BadRequest("field 'ref' is required: the commit to revert")
    options = {name: call.field(name, bool, False) for name in ("allow_empty", "force")}
    with call.writing() as session:
        commits.revert(session, call.params["branch"], ref, number, _overrides(call), **options)
    return empty()


def cherry_pick(call: Call) -> Response:
    """Apply a commit's changes."""
    ref, force = call.field("ref", str, ""), call.field("force", bool, False)
    if not ref:
        raise BadRequest("field 'ref' is required: the commit to cherry-pick")
    with call.writing() as session:
        made = commits.cherry_pick(
            session, call.params["branch"], ref, call.field("parent_number", int), _overrides(call), force=force
        )
    return Json(made.to_json(), status_code=201)


def diff_branch(call: Call) -> Response:
    """List a branch's uncommitted changes."""
    page = call.page()
    with call.reading() as session:
        found, more = diffs.uncommitted(session, call.params["branch"], page)
    return listing(found, more, page.amount, lambda r: r["path"])


def diff_refs(call: Call) -> Response:
    """List what differs between two references."""
    page, kind = call.page(), call.text("type", "three_dot")
    with call.reading() as session:
        found, more = diffs.between(
            session, call.params["left"], call.params["right"], kind, page, right_stats=call.flag("include_right_stats")
        )
    return listing(found, more, page.amount, lambda r: r["path"])


def log(call: Call) -> Response:
    """List a reference's commits, newest first, all or those that changed given objects or prefixes."""
    amount, after = call.page().amount, call.text("after")
    wanted, prefixes = call.query.get("objects", []), call.query.get("prefixes", [])
    since = _seconds(call.text("since"))
    found: list[Commit] = []
    more = False
    with call.reading() as session:
        start = refs.resolve(session, call.params["ref"]).commit
        stop = refs.resolve(session, call.text("stop_at")).commit if call.text("stop_at") else None
        skip = refs.resolve(session, after).commit if after else None
        for made in refs.history(session, start, first_parent=call.flag("first_parent")):
            if since is not None and made.created < since:
                break
            if skip is None and (not (wanted or prefixes) or _touches(session, made, wanted, prefixes)):
                if len(found) == amount:
                    more = not call.flag("limit")
                    break
                found.append(made)
            if made.id == skip:
                skip = None
            if made.id == stop:
                break
    return listing([c.to_json() for c in found], more, amount, lambda r: r["id"])


def _touches(session: Session, made: Commit, wanted: list[str], prefixes: list[str]) -> bool:
    """Whether a commit changed one of the paths; a merge has changed nothing by itself, as lakeFS sees it."""
    if len(made.parents) != 1:
        return False
    before = refs.load(session, made.parents[0]).tree
    for path in wanted:
        if not compare.same(tree.get(session.nodes, before, path), tree.get(session.nodes, made.tree, path)):
            return True
    for prefix in prefixes:
        first = next(compare.diff(session.nodes, before, made.tree, prefix), None)
        if first is not None and first.path.startswith(prefix):
            return True
    return False


def _seconds(text: str) -> float | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadRequest("query parameter 'since' must be a date and time, such as 2026-01-31T12:00:00Z") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
