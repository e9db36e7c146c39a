"""A script that knows nothing of the sandbox, in a shell that `earthline-sandbox env` leads there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from earthline_sandbox.environment import names, restore

SCRIPTS = Path(__file__).with_name("scripts")
SHELL = """
eval "$("$PYTHON" -m earthline_sandbox env --home "$SANDBOX_HOME")"
exec "$PYTHON" -W ignore "$@"
"""


@pytest.mark.slow
def test_a_script_of_sdk_calls_runs_unmodified(sandbox):
    environment = {**os.environ, "PYTHON": sys.executable, "SANDBOX_HOME": str(sandbox.home)}
    restore(environment, names())
    script, pipeline = SCRIPTS / "sdk_tour.py", SCRIPTS / "sdk_tour_pipeline.yaml"
    done = subprocess.run(
        ["bash", "-euc", SHELL, "tour", script, "sdk-tour", pipeline],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    assert done.stdout.endswith("the tour is over\n")
