"""What the inference AP answers when it cannot answer."""

from __future__ import annotations

from typing import Any

import orjson


class ApiError(Exception):
    """An answer with an error in it.

    Attributes:
        status: HTTP status.
        code: a name for programs, such as ``out_of_range``.
        message: what is wrong, and where.
        what_to_do: the next step of whoever reads it.
        field: place in the request, such as ``inputs[3][0][7]``.
        row: number of the row at fault, from 0.
        retry_after_s: when trying again may help.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        what_to_do: str,
        *,
        field: str | None = None,
        row: int | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        self.status, self.code, self.message, self.what_to_do = status, code, message, what_to_do
        self.field, self.row, self.retry_after_s = field, row, retry_after_s
        super().__init__(message)

    def body(self) -> bytes:
        """Return the JSON that the caller gets."""
        error: dict[str, Any] = {"code": self.code, "message": self.message, "what_to_do": self.what_to_do}
        if self.field is not None:
            error["field"] = self.field
        if self.row is not None:
            error["row"] = self.row
        return orjson.dumps({"error": error})

    def headers(self) -> dict[str, str]:
        """Return the headers that belong to the status."""
        headers = {"content-type": "application/json"}
        if self.retry_after_s is not None:
            headers["retry-after"] = str(self.retry_after_s)
        if self.status == 401:
            headers["www-authenticate"] = "Bearer"
        return headers


def invalid(code: str, message: str, what_to_do: str, field: str, row: int | None = None) -> ApiError:
    """Return the error for a request whose content is wrong."""
    return ApiError(422, code, message, what_to_do, field=field, row=row)


def too_large(message: str, what_to_do: str, field: str | None = None) -> ApiError:
    """Return the error for a request that is too large."""
    return ApiError(413, "too_large", message, what_to_do, field=field)


def unavailable(code: str, message: str, what_to_do: str, retry_after_s: int = 1) -> ApiError:
    """Return the error for what may work again soon."""
    return ApiError(503, code, message, what_to_do, retry_after_s=retry_after_s)
