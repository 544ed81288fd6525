"""The API of repositories and of the server itself."""

from __future__ import annotations

import orjson
from starlette.responses import Response

from include.local.data_server import names, repositories
from include.local.data_server.errors import ApiError, BadRequest, NotFound
from include.local.data_server.web import Call, Json, empty, listing, parse_json

VERSION = "embedded"

_STORAGE = {
    "blockstore_type": "local",
    "blockstore_namespace_example": "local://example",
    "blockstore_namespace_ValidityRegex": "^(local|mem)://",
    "default_namespace_prefix": "local://",
    "pre_sign_support": False,
    "pre_sign_support_ui": False,
    "import_support": False,
    "import_validity_regex": "^$",
    "pre_sign_multipart_upload": False,
    "blockstore_id": "",
    "blockstore_description": "the folder of the embedded data server, for one machine",
}
_LAKEFS_ALONE = {
    "staging", "import", "pulls", "dump", "restore", "actions", "gc", "gc_rules", "range", "meta_range", "auth", "sts", "oidc",
    "branch_protection", "symlink", "object", "usage-report", "garbage-collection", "setup_comm_prefs", "setup_lakefs",
}  # fmt: skip
"""Parts of addresses that belong to operations of lakeFS which this server does not have."""
_VERSION = {"version": VERSION, "version_context": "lakeFS", "latest_version": VERSION, "upgrade_recommended": False}


def config(call: Call) -> Response:
    """Give the server's configuration."""
    return Json({"version_config": _VERSION, "storage_config": _STORAGE, "storage_config_list": [], "capabilities_config": {}})


def version(call: Call) -> Response:
    """Give the server's version."""
    return Json(_VERSION)


def storage(call: Call) -> Response:
    """Give the storage's configuration."""
    return Json(_STORAGE)


def user(call: Call) -> Response:
    """Give the name behind the access key."""
    return Json({"user": {"id": call.key.user, "creation_date": 0, "friendly_name": call.key.user}})


def setup_state() -> Response:
    """Tell that the server needs no setting up."""
    return Json({"state": "initialized", "comm_prefs_missing": False})


def statistics(call: Call) -> Response:
    """Take a client's usage statistics and keep nothing of them."""
    return empty()


def not_offered(call: Call) -> Response:
    """Refuse what belongs to lakeFS but not to this server, and what is no part of its API.

    Raises:
        ApiError: 501 or 404, always.
    """
    if not _LAKEFS_ALONE.intersection(call.params.get("path", "pulls").split("/")):
        raise NotFound("no such address in the lakeFS API")
    raise ApiError(
        501, "not implemented by the embedded data server: use lakeFS for this, or do it by uploads, commits and merges"
    )


def list_repositories(call: Call) -> Response:
    """List the repositories that the key may read."""
    page, search = call.page(), call.text("search")
    found: list[dict[str, object]] = []
    more = False
    with call.store.database.reading() as connection:
        for row in connection.execute("SELECT * FROM repository WHERE id>? ORDER BY id", (page.after,)):
            if row["id"].startswith(page.prefix) and search in row["id"] and call.key.may(row["id"], write=False):
                if len(found) == page.amount:
                    more = True
                    break
                found.append(repositories.to_json(row))
    return listing(found, more, page.amount, lambda r: r["id"])


def create_repository(call: Call) -> Response:
    """Make a repository."""
    if call.flag("bare") or call.field("sample_data", bool, False):
        return not_offered(call)
    name = names.check_repository(call.field("name", str))
    call.key.require(name, write=True)
    made = repositories.create(
        call.store, call.key.user, name, call.field("storage_namespace", str, ""),
        call.field("default_branch", str, "main") or "main", read_only=call.field("read_only", bool, False),
    )  # fmt: skip
    return Json(made, status_code=201)


def get_repository(call: Call) -> Response:
    """Give a repository's record."""
    with call.reading() as session:
        return Json(repositories.to_json(session.repository))


def delete_repository(call: Call) -> Response:
    """Remove a repository."""
    with call.writing() as session:
        repositories.delete(session, force=call.flag("force"))
    return empty()


def get_metadata(call: Call) -> Response:
    """Give a repository's metadata."""
    with call.reading() as session:
        return Json(orjson.loads(session.repository["metadata"]))


def set_metadata(call: Call) -> Response:
    """Set keys of a repository's metadata."""
    changes = names.check_metadata(call.field("metadata", dict, {}))
    with call.writing() as session:
        repositories.update_metadata(session, {**changes})
    return empty()


def delete_metadata(call: Call) -> Response:
    """Remove keys of a repository's metadata."""
    keys = call.field("keys", list, [])
    if not all(isinstance(key, str) for key in keys):
        raise BadRequest("field 'keys' must be a list of strings")
    with call.writing() as session:
        repositories.update_metadata(session, dict.fromkeys(keys))
    return empty()


def get_protection(call: Call) -> Response:
    """Give the patterns of protected branches."""
    with call.reading() as session:
        patterns, tag = repositories.protection(session)
    return Json([{"pattern": pattern} for pattern in patterns], headers={"ETag": f'"{tag}"'})


def set_protection(call: Call) -> Response:
    """Set the patterns of protected branches."""
    rules = parse_json(call.body)
    if not isinstance(rules, list):
        raise BadRequest("the request body must be a list of {pattern}")
    patterns = [rule.get("pattern") if isinstance(rule, dict) else None for rule in rules]
    if not all(isinstance(p, str) and 0 < len(p) <= names.MAX_REF_LENGTH for p in patterns):
        raise BadRequest(f"each rule needs a pattern of 1 to {names.MAX_REF_LENGTH} characters; * and ? are wildcards")
    with call.writing() as session:
        repositories.protect(session, [str(p) for p in patterns], call.headers.get("if-match") or None)
    return empty()
