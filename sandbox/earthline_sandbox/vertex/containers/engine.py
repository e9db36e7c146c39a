"""Containers on a Docker engine, which the sandbox runs instead of processes where it is told to.

Everything goes through the `docker` command, which knows contexts, remote engines and their credentials, with lists
of arguments. `docker run` stays attached: its output, its exit code and the signals it passes on are the container's,
so that whoever follows a process follows a container as well.
"""

import csv
import hashlib
import io
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from earthline_sandbox.errors import ApiError
from earthline_sandbox.settings import Settings

MOUNT: Final = "/gcs"
"""Where a container sees Cloud Storage, as on Vertex AI
(https://cloud.google.com/vertex-ai/docs/training/cloud-storage-file-system)."""

LABEL: Final = "earthline.sandbox"
"""Label of every container; its value tells the sandboxes of a machine apart."""

LAUNCHERS: Final = "gcr.io/ml-pipeline/google-cloud-pipeline-components"
"""Image of Google's own launchers. Where the engine lacks it, they run in the workflow's image, which has them too."""

_PROGRAM: Final = "docker"
_TIMEOUT: Final = 60.0
# What the command needs to find its engine; nothing of it reaches a container.
_KEPT: Final = frozenset(
    {
        "DOCKER_CERT_PATH", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_HOST", "DOCKER_TLS_VERIFY", "HOME", "PATH",
        "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR",
    }
)  # fmt: skip


class EngineError(RuntimeError):
    """There is no engine to run containers on, or it lacks an image; the text says what to do."""


def check(image: str) -> None:
    """Checks that containers can run.

    Args:
        image: The workflow's image.

    Raises:
        EngineError: Not on Linux, no docker command, no engine behind it, or no such image.
    """
    if sys.platform != "linux":
        raise EngineError(
            "Containers share the network of this machine, which Docker can do on Linux alone: leave out --containers."
        )
    if shutil.which(_PROGRAM) is None:
        raise EngineError("There is no docker command on PATH: install Docker, or leave out --containers.")
    version = _call("version", "--format", "{{.Server.Version}}")
    if version.returncode:
        raise EngineError(f"No Docker engine answers: {_last(version.stderr)} Start it, or leave out --containers.")
    if not image_id(image):
        raise EngineError(f"The Docker engine has no image {image!r}: build it with `make image`, or pull it.")


def image_id(image: str) -> str:
    """The digest of an image's content, such as `sha256:…`; empty where the engine does not have it."""
    found = _call("image", "inspect", "--format", "{{.Id}}", "--", image)
    return found.stdout.strip() if found.returncode == 0 else ""


def resolve(settings: Settings, image: str) -> str:
    """The image that a container specification's `image` is run as.

    Raises:
        ApiError: FAILED_PRECONDITION where the engine does not have it. Nothing is pulled: what a short name means at
            a public registry is somebody else's choice.
    """
    if not image or image == settings.containers or image_id(image):
        return image or settings.containers
    if image.partition(":")[0] == LAUNCHERS:
        return settings.containers
    raise ApiError(
        "FAILED_PRECONDITION",
        f"The Docker engine has no image {image!r}: build it, or `docker pull` it, then run again.",
    )


def fresh_name() -> str:
    """A name for a container."""
    return f"earthline-{uuid.uuid4().hex[:12]}"


def command(
    settings: Settings, name: str, image: str, words: Sequence[str], environment: Mapping[str, str], folder: Path
) -> list[str]:
    """The `docker run` of a container.

    Args:
        settings: The sandbox.
        name: Of `fresh_name`.
        image: Of `resolve`.
        words: Entry point and arguments; an empty entry point leaves the image's own in place.
        environment: Variables of the container's own; the sandbox's redirects are set below them.
        folder: The container's folder on this machine, which it sees under the same path (temporary files go there).

    Raises:
        FileNotFoundError: There is no docker command.
    """
    program = shutil.which(_PROGRAM)
    if program is None:
        raise FileNotFoundError("There is no docker command on PATH.")
    settings.home.storage.mkdir(parents=True, exist_ok=True)
    variables = {"HOME": "/tmp", **settings.environment, **environment, "PYTHONUNBUFFERED": "1"}
    authority = settings.home.authority / "ca.pem"
    mounts = [mount(settings.home.storage, MOUNT), mount(folder, folder)]
    if authority.is_file():
        mounts.append(f"{mount(authority, authority)},readonly")
    options = [
        "--rm",
        "--init",
        "--network=host",
        "--pull=never",
        f"--name={name}",
        f"--label={label(settings)}",
        # Files that it writes belong to whoever runs the sandbox, who must be able to read and to remove them.
        f"--user={os.getuid()}:{os.getgid()}",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        # The sandbox asks for health itself, and keeps the log itself.
        "--no-healthcheck",
        "--log-driver=none",
        *[f"--mount={item}" for item in mounts],
        *[f"--env={key}={value}" for key, value in variables.items()],
    ]
    entry, *arguments = words
    if entry:
        options.append(f"--entrypoint={entry}")
    return [program, "run", *options, "--", image, *arguments]


def mount(source: Path, target: Path | str) -> str:
    """The value of `--mount` for a folder or file of this machine, which Docker reads as a line of CSV."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(["type=bind", f"source={source}", f"target={target}"])
    return line.getvalue()


def label(settings: Settings) -> str:
    """The label of this sandbox's containers."""
    return f"{LABEL}={hashlib.blake2b(str(settings.home.root).encode(), digest_size=8).hexdigest()}"


def client_environment() -> dict[str, str]:
    """The environment of the docker command."""
    return {key: value for key, value in os.environ.items() if key in _KEPT}


def remove(*names: str) -> None:
    """Ends and removes containers at once; those that are gone already are passed over."""
    if names:
        _call("rm", "--force", "--volumes", "--", *names)


def remove_strays(settings: Settings) -> list[str]:
    """Removes what a sandbox that was killed left running on the engine; gives the containers' ids."""
    found = _call("ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={label(settings)}").stdout.split()
    remove(*found)
    return found


def _call(*arguments: str) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            [_PROGRAM, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=client_environment(),
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(arguments, 1, "", f"docker gave no answer within {_TIMEOUT:g} s.")
    except OSError as error:
        return subprocess.CompletedProcess(arguments, 1, "", f"docker cannot run: {error}.")


def _last(text: str) -> str:
    line = (text.strip().splitlines() or ["it says nothing"])[-1]
    return line if line.endswith(".") else f"{line}."
