"""Scripts that use `pipelines` against a sandbox, in processes of their own."""

import json
import sys
from pathlib import Path
from typing import Any

from tests.conftest import ROOT, Sandbox

QUICKSTART = ROOT / "configs" / "quickstart.yaml"


def placed(folder: Path) -> str:
    """First lines of a script that works in a folder and may import `tiny_pipeline`.

    Variables and a working folder of its own would keep it from beginning as a fork.
    """
    return f"import os, sys\nos.chdir({str(folder)!r})\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n"


def said(sandbox: Sandbox, folder: Path, script: str) -> dict[str, Any]:
    """Runs a script, which is given the quickstart's config and may import `tiny_pipeline`.

    Args:
        sandbox: Where its calls go.
        folder: Its working folder, in which it leaves `said.json`.
        script: Python.

    Returns:
        The content of `said.json`.
    """
    command = [sys.executable, "-c", f"{placed(folder)}{script}", str(QUICKSTART)]
    reply = sandbox.run(command, timeout=180, XDG_STATE_HOME=str(folder / "state"))
    # What follows a command's output into a pipe must be the command's own: the client is to be silent.
    assert reply.stdout == ""
    content = json.loads((folder / "said.json").read_text())
    assert isinstance(content, dict)
    return content
