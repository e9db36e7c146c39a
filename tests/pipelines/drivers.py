"""Scripts that use `pipelines` against a sandbox, in processes of their own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.conftest import ROOT, Sandbox

QUICKSTART = ROOT / "configs" / "quickstart.yaml"


def said(sandbox: Sandbox, folder: Path, script: str) -> dict[str, Any]:
    """Runs a script, which is given the quickstart's config and may import `tiny_pipeline`.

    Args:
        sandbox: Where its calls go.
        folder: Its working folder, in which it leaves `said.json`.
        script: Python.

    Returns:
        The content of `said.json`.
    """
    reply = subprocess.run(
        [sys.executable, "-c", script, str(QUICKSTART)],
        env=sandbox.client_environment(PYTHONPATH=str(Path(__file__).parent), XDG_STATE_HOME=str(folder / "state")),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert reply.returncode == 0, reply.stderr
    # What follows a command's output into a pipe must be the command's own: the client is to be silent.
    assert reply.stdout == ""
    content = json.loads((folder / "said.json").read_text())
    assert isinstance(content, dict)
    return content
