"""Runs the constructs with kfp.local: `python local_runs.py FOLDER` writes FOLDER/found.json."""

import contextlib
import importlib
import json
import sys
from pathlib import Path
from typing import Any

from kfp import local


def runs(construct: Any, folder: Path) -> list[dict[str, Any]]:
    local.init(
        local.SubprocessRunner(use_venv=False),
        pipeline_root=str(folder / "root"),
        enable_caching=getattr(construct, "CACHING", False),
    )
    trace = folder / "trace"
    found = []
    for run, differs in zip(construct.RUNS, getattr(construct, "LOCAL_RUNS", [{}] * len(construct.RUNS)), strict=True):
        trace.write_text("")
        for key, text in run.get("objects", {}).items():
            (folder / key).write_text(text)
        given = {**run.get("arguments", {}), **differs.get("arguments", {})}
        arguments = {
            key: value.replace("{root}", str(folder)) if isinstance(value, str) else value
            for key, value in given.items()
        }
        state, error = "SUCCEEDED", ""
        try:
            with contextlib.redirect_stdout(sys.stderr):
                construct.pipeline(trace=str(trace), **arguments)
        except Exception as reason:
            state, error = "FAILED", f"{type(reason).__name__}: {reason}"
        found.append({"trace": trace.read_text().splitlines(), "state": state, "error": error})
    return found


def main() -> None:
    folder = Path(sys.argv[1])
    found = {}
    chosen = sys.argv[2:] or [path.stem for path in Path(__file__).with_name("constructs").glob("*.py")]
    for name in sorted(chosen):
        construct = importlib.import_module(f"constructs.{name}")
        if getattr(construct, "LOCAL_RUNS", ()) is not None:
            (folder / name).mkdir()
            found[name] = runs(construct, folder / name)
    (folder / "found.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
