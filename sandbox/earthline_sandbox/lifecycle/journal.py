"""The daemon's log: one JSON object a line, in a file that rotates."""

import logging
import logging.handlers
import time
from pathlib import Path

import orjson

LOG_BYTES = 8 << 20
BACKUPS = 3


class JsonFormatter(logging.Formatter):
    """Writes time (UTC), level, logger, message, and milliseconds and traceback where there are any."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        entry = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{record.msecs:03.0f}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (milliseconds := getattr(record, "milliseconds", None)) is not None:
            entry["milliseconds"] = milliseconds
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return orjson.dumps(entry, default=str).decode()


def configure(file: Path, *, echo: bool) -> None:
    """Sends every logger of this process to `file`.

    Args:
        file: Rotated at `LOG_BYTES`; `BACKUPS` old ones are kept.
        echo: Whether warnings go to standard error as well.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    formatter = JsonFormatter()
    formatter.converter = time.gmtime
    rotating = logging.handlers.RotatingFileHandler(file, maxBytes=LOG_BYTES, backupCount=BACKUPS)
    rotating.setFormatter(formatter)
    handlers: list[logging.Handler] = [rotating]
    if echo:
        console = logging.StreamHandler()
        console.setLevel(logging.WARNING)
        handlers.append(console)
    logging.basicConfig(level=logging.INFO, handlers=handlers, force=True)
    logging.captureWarnings(True)
    for noisy in ("httpx", "httpcore", "rasterio", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
