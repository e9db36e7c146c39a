"""Errors in Google's own shape: `google.rpc.Status` as the JSON that every Google API returns.

Source of the codes: https://cloud.google.com/apis/design/errors and google/rpc/code.proto.
"""

from collections.abc import Mapping, Sequence
from typing import Any

HTTP_CODES: Mapping[str, int] = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INTERNAL": 500,
    "DATA_LOSS": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}

RPC_CODES: Mapping[str, int] = {
    "OK": 0,
    "CANCELLED": 1,
    "UNKNOWN": 2,
    "INVALID_ARGUMENT": 3,
    "DEADLINE_EXCEEDED": 4,
    "NOT_FOUND": 5,
    "ALREADY_EXISTS": 6,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "FAILED_PRECONDITION": 9,
    "ABORTED": 10,
    "OUT_OF_RANGE": 11,
    "UNIMPLEMENTED": 12,
    "INTERNAL": 13,
    "UNAVAILABLE": 14,
    "DATA_LOSS": 15,
    "UNAUTHENTICATED": 16,
}


class ApiError(Exception):
    """A refusal that a client sees as Google's own error.

    Attributes:
        status: Canonical code, such as `INVALID_ARGUMENT`.
        message: What was wrong, why, and what to do.
        code: HTTP status; derived from `status` unless given.
        details: `google.rpc` detail messages as JSON objects.
    """

    def __init__(
        self, status: str, message: str, *, code: int | None = None, details: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        """Builds the error; raises KeyError for a status that Google does not have."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = HTTP_CODES[status] if code is None else code
        self.details = tuple(details)

    def to_json(self) -> dict[str, Any]:
        """The body of the HTTP response, as every Google API writes it."""
        error: dict[str, Any] = {"code": self.code, "message": self.message, "status": self.status}
        if self.details:
            error["details"] = [dict(detail) for detail in self.details]
        return {"error": error}

    def to_rpc_status(self) -> dict[str, Any]:
        """The same error as a `google.rpc.Status`, for operations and task details."""
        return {"code": RPC_CODES[self.status], "message": self.message, "details": []}

    @classmethod
    def from_rpc_status(cls, status: Mapping[str, Any]) -> "ApiError":
        """The error that `to_rpc_status` wrote; UNKNOWN where it has no code that Google knows."""
        names = {code: name for name, code in RPC_CODES.items() if name in HTTP_CODES}
        return cls(names.get(status.get("code", 2), "UNKNOWN"), str(status.get("message", "")))


def invalid(message: str) -> ApiError:
    """A 400 INVALID_ARGUMENT."""
    return ApiError("INVALID_ARGUMENT", message)


def not_found(message: str) -> ApiError:
    """A 404 NOT_FOUND."""
    return ApiError("NOT_FOUND", message)
