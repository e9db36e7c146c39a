"""The server's log: a JSON object a line, as Cloud Logging reads it from Vertex AI and Cloud Run.

https://cloud.google.com/logging/docs/structured-logging
"""

import logging
from datetime import UTC, datetime
from typing import Any

import orjson

_FIELDS = "fields"


class JsonLines(logging.Formatter):
    """A record as a line of JSON; what `told` gave it becomes fields of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        content: dict[str, Any] = {
            "severity": record.levelname,
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, _FIELDS, {}),
        }
        if record.exc_info:
            content["stack_trace"] = self.formatException(record.exc_info)
        return orjson.dumps(content, default=str, option=orjson.OPT_SERIALIZE_NUMPY).decode()


def begin() -> None:
    """Sends what this process logs to standard error, from INFO on, as JSON."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def told(**fields: Any) -> dict[str, Any]:
    """`extra` of a call of a logger.

    Args:
        **fields: Names and values; never what a request held.
    """
    return {_FIELDS: fields}
