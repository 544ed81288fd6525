"""What a caller gets wrong, as the status code and message that lakeFS would answer."""

from __future__ import annotations


class ApiError(Exception):
    """An answer other than success.

    Args:
        status: HTTP status code.
        message: what is wrong, where, and what to do; becomes ``{"message": ...}``.
        headers: further response headers.
    """

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}


class BadRequest(ApiError):
    """400: the request itself is wrong."""

    def __init__(self, message: str) -> None:
        super().__init__(400, message)


class Forbidden(ApiError):
    """403: known caller, but not allowed."""

    def __init__(self, message: str) -> None:
        super().__init__(403, message)


class NotFound(ApiError):
    """404: no such repository, reference or object."""

    def __init__(self, message: str) -> None:
        super().__init__(404, message)


class Conflict(ApiError):
    """409: it exists already, or both sides changed."""

    def __init__(self, message: str) -> None:
        super().__init__(409, message)


class PreconditionFailed(ApiError):
    """412: If-Match or If-None-Match does not hold."""

    def __init__(self, message: str) -> None:
        super().__init__(412, message)
