"""What a script of steps tells a test: it runs in a process of its own and prints JSON behind a word."""

import json
from subprocess import CompletedProcess
from typing import Any

from tests.conftest import ROOT, Sandbox

WORD = "OUTCOME"


def outcome(done: CompletedProcess[str]) -> Any:
    """The JSON that a script printed behind the word; other lines of its output are skipped."""
    line = next(line for line in done.stdout.splitlines() if line.startswith(WORD))
    return json.loads(line.removeprefix(WORD))


def mounted(sandbox: Sandbox) -> dict[str, str]:
    """Variables with which a process sees Cloud Storage as files, as a step does."""
    site = ROOT / "sandbox" / "earthline_sandbox" / "vertex" / "containers" / "site"
    return {"SANDBOX_GCS_MOUNT": f"{sandbox.home}/storage/", "PYTHONPATH": str(site)}
