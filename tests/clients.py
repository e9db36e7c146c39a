"""Client scripts that begin as a fork of a process that has loaded Google's clients and TensorFlow already.

A test that talks to the sandbox runs its script in a process of its own, and most of what that takes is the import of
the clients. The sandbox's own zygote, which is proved to change nothing else, serves for the scripts as well.
"""

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from cli.launch.target import PRELOADED
from earthline_sandbox.vertex.containers.executors import Call, of_libraries, of_the_start
from earthline_sandbox.vertex.containers.processes import ContainerProcess
from earthline_sandbox.vertex.containers.zygotes import Zygote

_ROOT = Path(__file__).resolve().parents[1]
_SHARED = (*PRELOADED, "jinja2", "pydantic", "rasterio")
"""Libraries of others that the scripts of most tests import."""
_OWN_IMPORTS = ("sys.modules", "sys.meta_path")
"""What a script mentions that is about imports: it must do them by itself."""


class Clients:
    """Begins the scripts of one environment."""

    def __init__(self, environment: Mapping[str, str], modules: Sequence[str] = _SHARED, few: int = 2) -> None:
        """Starts nothing yet.

        Args:
            environment: What leads a client to the sandbox.
            modules: What the scripts share.
            few: Scripts that are begun by themselves before: to load for a few what all need would take longer.
        """
        self._modules = tuple(modules)
        self._few = few
        self._environment = dict(environment)
        self._asked = 0
        self._zygote: Zygote | None = None

    def run(
        self, command: Sequence[str], environment: Mapping[str, str], timeout: float
    ) -> "subprocess.CompletedProcess[str] | None":
        """Runs `python -c SCRIPT ARGUMENTS…`; None where only a process of its own can.

        Args:
            command: Program and arguments.
            environment: All its variables.
            timeout: Seconds.

        Raises:
            subprocess.TimeoutExpired: It did not end in time.
        """
        match list(command):
            case [sys.executable, "-c", script, *arguments] if not any(word in script for word in _OWN_IMPORTS):
                pass
            case _:
                return None
        if any(read(environment) != read(self._environment) for read in (of_the_start, of_libraries)):
            return None
        if Path.cwd() != _ROOT:
            return None
        self._asked += 1
        if self._asked <= self._few:
            return None
        if self._zygote is None:
            self._zygote = Zygote(self._environment, self._modules)
        with tempfile.TemporaryDirectory(prefix="client-") as name:
            file, out, err = (Path(name) / part for part in ("script.py", "out", "err"))
            file.write_text(script, encoding="utf-8")
            out.touch()
            err.touch()
            call = Call("tests.forked_script", (str(file), str(err), *arguments))
            forked = self._zygote.run(call, environment, out, _ROOT)
            if forked is None:
                return None
            process = ContainerProcess(forked, out)
            try:
                code = process.wait(timeout)
            except TimeoutError:
                process.stop()
                raise subprocess.TimeoutExpired(command, timeout, out.read_text(), err.read_text()) from None
            return subprocess.CompletedProcess(command, code, out.read_text(), err.read_text())

    def close(self) -> None:
        """Ends what was started."""
        if self._zygote is not None:
            self._zygote.close()
