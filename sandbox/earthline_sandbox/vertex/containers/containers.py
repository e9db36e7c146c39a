"""Container specifications as this machine runs them, and what the end of a log says."""

import contextlib
import re
import signal
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from earthline_sandbox.errors import ApiError
from earthline_sandbox.settings import Settings

_REFERENCE: Final = re.compile(r"\$(?:\$|\((?P<name>[A-Za-z_][A-Za-z0-9_.-]*)\))")
_TAIL_BYTES: Final = 16_384
_TAIL_LINES: Final = 20


def expand(words: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """Replaces `$(NAME)` as Kubernetes does: an unknown name stays as it is, `$$(NAME)` is a literal `$(NAME)`."""

    def value(match: re.Match[str]) -> str:
        name = match["name"]
        return "$" if name is None else environment.get(name, match[0])

    return [_REFERENCE.sub(value, word) for word in words]


def variables(spec: Mapping[str, Any], before: Mapping[str, str]) -> dict[str, str]:
    """The `env` of a container specification; a value may refer to earlier ones and to `before`."""
    found = dict(before)
    for item in spec.get("env", []):
        found[str(item["name"])] = expand([str(item.get("value", ""))], found)[0]
    return found


def command(spec: Mapping[str, Any], environment: Mapping[str, str], owner: str, settings: Settings) -> list[str]:
    """Command and arguments of a container specification.

    Args:
        spec: `ModelContainerSpec` or `ContainerSpec` as JSON.
        environment: Variables that they may refer to.
        owner: What the container is of, for the refusal.
        settings: The sandbox. On a Docker engine a missing command is the image's own, for which an empty one stands.

    Raises:
        ApiError: FAILED_PRECONDITION where there is no command and no engine: only the image knows its entry point.
    """
    if not spec.get("command") and settings.containers:
        return ["", *expand(spec.get("args", []), environment)]
    if not spec.get("command"):
        raise ApiError(
            "FAILED_PRECONDITION",
            f"The container of {owner} (image {spec.get('imageUri', '')!r}) gives no command. The sandbox runs"
            " containers as processes and cannot read the entry point of an image: give the command in the"
            " container specification (serving_container_command, or command of containerSpec).",
        )
    return expand([*spec["command"], *spec.get("args", [])], environment)


def free_port() -> int:
    """A TCP port of the loopback interface that nothing listens on at this moment."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def log_tail(log: Path, lines: int = _TAIL_LINES) -> str:
    """The last lines of a log as text; empty where there is none."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def exit_reason(code: int) -> str:
    """An exit code in words."""
    if code == -signal.SIGKILL:
        # The kernel of a machine without memory does the same as `kill -9`, and nobody is told which it was.
        return "was ended by signal 9 (somebody killed it, or the machine did as its memory ran out)"
    return (
        f"was ended by signal {-code}" if code < 0 else f"exited with a non-zero status of {code}" if code else "ended"
    )
