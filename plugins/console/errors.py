"""Errors of the REST routes: what is wrong, and what the caller can do."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """A request that cannot be served.

    Attributes:
        status: HTTP status.
        code: short name of the error, for programs.
        message: what is wrong.
        what_to_do: how to get it right.
        headers: headers of the answer.
        more: further members of the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        what_to_do: str,
        *,
        headers: dict[str, str] | None = None,
        more: dict[str, Any] | None = None,
    ) -> None:
        self.status, self.code, self.message, self.what_to_do = status, code, message, what_to_do
        self.headers, self.more = headers or {}, more or {}
        super().__init__(message)

    def body(self) -> dict[str, Any]:
        """Return the JSON answer."""
        return {"error": {"code": self.code, "message": self.message, "what_to_do": self.what_to_do}, **self.more}
