"""Small JSON files in which a sandbox records its ports and its process; each is written in one step."""

import json
import os
from pathlib import Path
from typing import Any

from earthline_sandbox.settings import Home


def ports_file(home: Home) -> Path:
    """Where the ports of the last run are kept, so that an exported environment survives a restart."""
    return home.root / "ports.json"


def read_json(file: Path) -> dict[str, Any]:
    """The object in `file`; empty where there is none or it is broken."""
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_json(file: Path, content: dict[str, Any]) -> None:
    """Replaces `file` in one step."""
    staging = file.with_name(f".{file.name}.{os.getpid()}")
    staging.write_text(json.dumps(content, indent=1))
    os.replace(staging, file)
