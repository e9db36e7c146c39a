"""A plain shell, as a user of the command line has it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Sandbox


class Shell:
    """A folder, and a shell without any of the sandbox's variables except its home."""

    def __init__(self, folder: Path, home: Path, **variables: str) -> None:
        """Keeps both.

        Args:
            folder: Working folder; runs land in its `runs/`.
            home: The sandbox's data folder.
            variables: Further ones of the environment.
        """
        self.folder = folder
        self.variables = {**os.environ, "EARTHLINE_SANDBOX_HOME": str(home), **variables}

    def earthline(self, *arguments: str) -> tuple[int, str, str]:
        """Runs the command line; gives exit code, standard output and standard error."""
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
    return Shell(tmp_path_factory.mktemp("work"), sandbox.home)
