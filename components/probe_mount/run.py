"""Finds out which users of a step's container may write into the bucket that Vertex AI mounts."""

import json
import os
from pathlib import Path
from typing import Any

ORDINARY = 10001
"""A user with no rights of its own; the prediction server's."""
WRITING = "writing.json"
_MOST_BYTES = 4096


def run(*, writing: Any) -> None:
    """Writes as each user, and notes what came of it.

    Args:
        writing: Folder (output) in the mounted bucket.

    Raises:
        OSError: The step's own user may not write there.
    """
    folder = Path(writing.path)
    folder.mkdir(parents=True, exist_ok=True)
    own = os.getuid()
    (folder / "own.txt").write_text("written")
    refusal = _as_user(folder / "ordinary.txt") if own == 0 else f"the step is user {own} already, which may"
    found = {"user": own, "ordinary_user": ORDINARY, "ordinary_refusal": refusal}
    (folder / WRITING).write_text(json.dumps(found), encoding="utf-8")
    print(f"probe_mount: user {own} may write; user {ORDINARY}: {refusal or 'may write'}", flush=True)


def _as_user(path: Path) -> str:
    """Why the ordinary user could not write a file; empty where it could."""
    # A fork, not a program: such a user may not even be let to the interpreter.
    answer, said = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(ORDINARY)
            os.setuid(ORDINARY)
            path.write_text("written")
        except OSError as error:
            os.write(said, f"{type(error).__name__}: {error}".encode()[:_MOST_BYTES])
        finally:
            os._exit(0)
    os.close(said)
    with os.fdopen(answer, "rb") as refusal:
        text = refusal.read(_MOST_BYTES).decode("utf-8", "replace")
    os.waitpid(child, 0)
    return text
