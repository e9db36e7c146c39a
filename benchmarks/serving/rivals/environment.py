"""The environment in which other servers run: made once under `build/`, by pip."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "build" / "benchmarks" / "rivals"
PACKAGES = ("kserve==0.21.0", "tensorflow-cpu==2.21.0")
"""FastAPI comes with KServe."""
_MADE = "made"


def python() -> Path | None:
    """The interpreter that has `PACKAGES`; None where pip cannot install them, which is said on standard error."""
    found = FOLDER / "bin" / "python"
    if (FOLDER / _MADE).exists():
        return found
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(FOLDER)],
        [str(found), "-m", "pip", "install", "--quiet", *PACKAGES],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"other servers are left out, {' '.join(command[1:4])} failed: {done.stderr[-500:]}", file=sys.stderr)
            return None
    (FOLDER / _MADE).touch()
    return found
