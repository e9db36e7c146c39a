"""A shell, as a user of the command line has it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Sandbox

_COMMAND = """
import json, os, sys
from cli.app import main
class Anew(BaseException):
    pass
def become(variables):
    os.environ.clear()
    os.environ.update(variables)
def anew(program, command, variables):
    become(variables)
    raise Anew
folder, variables, *arguments = sys.argv[1:]
os.chdir(folder)
become(json.loads(variables))
os.execve, sys.argv = anew, ["earthline", *arguments]
try:
    main()
except Anew:
    main()
"""
"""A command as in a shell: without the sandbox's variables, until it starts anew with them, here in this process."""


class Shell:
    """A folder, and a shell without any of the sandbox's variables except its home."""

    def __init__(self, folder: Path, sandbox: Sandbox | Path, **variables: str) -> None:
        """Keeps both.

        Args:
            folder: Working folder; runs land in its `runs/`.
            sandbox: One that runs; or the data folder of one that does not.
            variables: Further ones of the environment.
        """
        self.folder = folder
        self._sandbox = None if isinstance(sandbox, Path) else sandbox
        home = sandbox if isinstance(sandbox, Path) else sandbox.home
        self._given = {"EARTHLINE_SANDBOX_HOME": str(home), **variables}
        self.variables = {**os.environ, **self._given}

    def earthline(self, *arguments: str) -> tuple[int, str, str]:
        """Runs the command line; gives exit code, standard output and standard error.

        Where a sandbox runs, it begins as a fork: most of a start is the import of Google's clients.
        """
        if self._sandbox is not None:
            command = [sys.executable, "-c", _COMMAND, str(self.folder), json.dumps(self.variables), *arguments]
            reply = self._sandbox.run(command, check=False, **self._given)
        else:
            reply = subprocess.run(
                [sys.executable, "-m", "cli", *arguments],
                env=self.variables,
                cwd=self.folder,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
        return reply.returncode, reply.stdout, reply.stderr


@pytest.fixture(scope="module")
def shell(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return Shell(tmp_path_factory.mktemp("work"), sandbox)
