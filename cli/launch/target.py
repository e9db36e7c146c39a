"""Where a command's calls go: Google Cloud with the ambient credentials, or the sandbox on this machine.

The choice is made here, once, by the variables of the process: a command whose config targets the sandbox starts
anew in a process that has them. From there on nothing in the product knows which of the two it talks to.
"""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # loading pydantic would slow `--help`
    from earthline.config import Environment
    from pipelines.runs.records import Record

MARKER = "EARTHLINE_TARGET"
"""Set in the process whose variables lead to the sandbox."""
_START_SECONDS = 180
_MODULE = "earthline_sandbox"
# -P: a folder of that name in the working directory must not be run instead.
SANDBOX = (sys.executable, "-P", "-m", _MODULE)
"""The sandbox is another program: product and sandbox share the wire alone."""
_PRELOAD = "EARTHLINE_SANDBOX_PRELOAD"
PRELOADED = (
    "google.cloud.aiplatform", "google.cloud.storage", "ee", "shapely", "matplotlib.figure", "scipy.stats",
    "sklearn.ensemble", "tensorflow", "keras",
)  # fmt: skip
"""Libraries of others that steps and servers import, those first that the first steps need.

The sandbox loads them once for all processes that it starts. None of this product's own: a step reads its code anew.
"""


class TargetError(RuntimeError):
    """The environment cannot be reached or started."""


def enter(environment: "Environment", *, containers: bool | None = None) -> None:
    """Makes sure that Google's clients in this process talk to the config's target; may start the command anew.

    Args:
        environment: The config's section.
        containers: Whether the sandbox runs containers of the config's image on a Docker engine, or processes; None
            leaves it to what a running sandbox does.

    Raises:
        TargetError: The sandbox is not installed or does not start, or the cloud is asked how it runs containers.
    """
    if environment.target == "cloud":
        if containers:
            raise TargetError("--containers is for the sandbox; on Vertex AI every step is a container: leave it out")
        return
    if os.environ.get(MARKER) == environment.target:
        return
    chosen = () if containers is None else ("--containers", environment.image) if containers else ("--no-containers",)
    control_sandbox(["start", *chosen])
    variables = redirected(os.environ, control_sandbox(["env"]))
    sys.stdout.flush()
    sys.stderr.flush()
    command = [sys.executable, "-P", "-m", "cli", *sys.argv[1:]]
    os.execve(sys.executable, command, {**variables, MARKER: environment.target})


def environment_of(config: Path | None) -> "Environment":
    """The config's environment; without a config that of the newest run from this folder, or else the sandbox's.

    Args:
        config: The workflow's file, where the user named one.
    """
    from earthline.config import Environment

    return known_environment(config) or Environment()


def known_environment(config: Path | None) -> "Environment | None":
    """The config's environment; without a config that of the newest run from this folder, None where there is none.

    Args:
        config: The workflow's file, where the user named one.
    """
    from earthline.config import load
    from pipelines.runs import records

    if config is not None:
        return load(config).environment
    known = records.read_all()
    return environment_of_run(known[0]) if known else None


def environment_of_run(record: "Record") -> "Environment":
    """Where a run of this folder ran.

    Args:
        record: Of the run.
    """
    from earthline.config import Environment

    return Environment(target=record.target, project=record.project, location=record.location)


def redirected(variables: Mapping[str, str], script: str) -> dict[str, str]:
    """Applies the script that `sandbox env` prints to variables, as a shell would.

    Args:
        variables: Variables before.
        script: Lines `export NAME=VALUE` and `unset NAME...`, quoted for a shell.

    Raises:
        TargetError: The script holds anything else.
    """
    after, verb = dict(variables), ""
    for word in shlex.split(script):
        name, assigned, value = word.partition("=")
        if word in ("export", "unset"):
            verb = word
        elif verb == "export" and assigned and name.isidentifier():
            after[name] = value
        elif verb == "unset" and word.isidentifier():
            after.pop(word, None)
        else:
            raise TargetError(f"`earthline sandbox env` gave '{word}', which belongs to no export and no unset")
    return after


def is_reachable(environment: "Environment") -> bool:
    """True where Google can be asked as things are: the sandbox runs, or there are credentials for the cloud.

    Args:
        environment: The config's section.
    """
    if environment.target == "sandbox":
        return os.environ.get(MARKER) == environment.target or sandbox_runs()
    from pipelines.checks.credentials import has_credentials

    return has_credentials()


def sandbox_is_installed() -> bool:
    """True where this Python has the sandbox, which is a distribution of its own; it is not imported."""
    return find_spec(_MODULE) is not None


def require_sandbox() -> None:
    """Makes sure that there is a sandbox to start.

    Raises:
        TargetError: It is not installed.
    """
    if not sandbox_is_installed():
        raise TargetError(
            f"the sandbox is not installed for {sys.executable}: `pip install 'earthline[sandbox]'` brings it; for "
            "Google Cloud set environment.target to cloud"
        )


def sandbox_environment() -> dict[str, str]:
    """The variables for the sandbox's commands: those of this process, and what a sandbox loads before tasks need it.

    Whoever set that already keeps it.
    """
    return {_PRELOAD: ",".join(PRELOADED), **os.environ}


def sandbox_runs() -> bool:
    """True where a sandbox answers on this machine; none is started."""
    reply = subprocess.run([*SANDBOX, "status", "--json"], capture_output=True, text=True, check=False)
    return reply.returncode == 0


def sandbox_ending() -> str:
    """How the sandbox of this machine ended, in a sentence; empty where it runs, or where that is not known."""
    reply = subprocess.run([*SANDBOX, "status", "--json"], capture_output=True, text=True, check=False)
    try:
        status = json.loads(reply.stdout)
    except ValueError:
        return ""
    last = status.get("last") if isinstance(status, dict) and status.get("running") is False else None
    if not isinstance(last, dict):
        return ""
    return str(last.get("message", ""))


def control_sandbox(arguments: Sequence[str]) -> str:
    """Runs one `python -m earthline_sandbox` command.

    Args:
        arguments: What follows the module's name.

    Returns:
        Its standard output.

    Raises:
        TargetError: The sandbox is not installed, or it failed; then the text is its own.
    """
    require_sandbox()
    command = [*SANDBOX, *arguments]
    try:
        reply = subprocess.run(
            command,
            env=sandbox_environment(),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=_START_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TargetError(f"the sandbox did not answer `{' '.join(arguments)}` in {_START_SECONDS} s") from error
    if reply.returncode != 0:
        why = (reply.stderr or reply.stdout).strip() or f"exit status {reply.returncode}"
        raise TargetError(f"`earthline sandbox {' '.join(arguments)}` failed: {why}")
    return reply.stdout
