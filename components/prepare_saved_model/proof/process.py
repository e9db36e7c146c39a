"""Runs the proof in processes of their own: one knows only the SavedModel, another Google's own tool."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from components.prepare_saved_model.proof.evidence import Evidence
from earthline.finding import Finding, refusal

FILE = "proof.json"
"""What was found, beside the SavedModel, also of one that is refused."""
SECONDS = 600
"""How long it may take, all together."""
ORACLE = "as Google's own tool prepares it"
_ROOM = "components.prepare_saved_model.proof"


class ProofError(RuntimeError):
    """The SavedModel is refused; the text says all that it fails, and what to do."""


@dataclass(frozen=True)
class Proof:
    """What was found.

    Attributes:
        findings: Of every term.
        difference: Largest difference of an output to the trained model; None where it could not be asked.
    """

    findings: tuple[Finding, ...]
    difference: float | None

    def require(self) -> float:
        """The largest difference. Raises ProofError where a term fails."""
        if told := refusal(self.findings):
            raise ProofError(f"the SavedModel was refused: {told}")
        assert self.difference is not None
        return self.difference


def prove(folder: Path, evidence: Evidence, trained: Path | None = None) -> Proof:
    """Asks every term; writes `proof.json` into the folder and, where all hold, `probe.npz` and `patches.npz`.

    Args:
        folder: The SavedModel with its contract.
        evidence: What the trained model gave for real patches.
        trained: The plain SavedModel that the trainer wrote, for Google's own tool; None where there is none.

    Raises:
        ProofError: The proof itself did not end, or not in time.
    """
    with tempfile.TemporaryDirectory(prefix="proof-") as name:
        reference, answers = Path(name) / "reference.npz", Path(name) / "answers.npy"
        evidence.write(reference)
        ends = time.monotonic() + SECONDS
        # Side by side: most of the time of each is the start of TensorFlow.
        with _Process([_ROOM, folder, reference], Path(name) / "terms") as terms:
            if trained is None:
                found, difference = _terms(terms, ends)
            else:
                with _Process([f"{_ROOM}.oracle", trained, reference, answers], Path(name) / "oracle") as oracle:
                    found, difference = _terms(terms, ends)
                    found = (*found, _compared(oracle, ends, answers, evidence))
    proof = Proof(found, difference)
    content = [asdict(finding) for finding in proof.findings]
    (folder / FILE).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return proof


class _Process:
    """A module that runs beside this process; it ends with the block."""

    def __init__(self, arguments: Sequence[str | Path], says: Path) -> None:
        self._out, self._err = says.with_suffix(".out"), says.with_suffix(".err")
        command = [sys.executable, "-m", *map(str, arguments)]
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._running = subprocess.Popen(command, stdout=out, stderr=err)

    def __enter__(self) -> "_Process":
        return self

    def __exit__(self, *failure: object) -> None:
        self._running.kill()
        self._running.wait()

    def end(self, by: float) -> tuple[int, str, str]:
        """Status, last line of standard output and end of standard error."""
        try:
            status = self._running.wait(max(0.0, by - time.monotonic()))
        except subprocess.TimeoutExpired as error:
            raise ProofError(f"the proof did not end within {SECONDS} s") from error
        out, err = (path.read_text(errors="replace").strip().splitlines() for path in (self._out, self._err))
        return status, (out or [""])[-1], " ".join(err[-3:]) or "no reason given"


def _terms(process: _Process, by: float) -> tuple[tuple[Finding, ...], float | None]:
    status, last, said = process.end(by)
    if status != 0:
        raise ProofError(f"the proof broke off with status {status}: {said}")
    content = json.loads(last)
    return tuple(Finding(**each) for each in content["findings"]), content["difference"]


def _compared(process: _Process, by: float, answers: Path, evidence: Evidence) -> Finding:
    status, _, said = process.end(by)
    if status != 0:
        return Finding(ORACLE, None, f"`earthengine model prepare` cannot prepare the trained model: {said}")
    found = np.load(answers, allow_pickle=False)
    if found.shape != evidence.outputs.shape:
        told = f"it gives {list(found.shape)} instead of {list(evidence.outputs.shape)}"
    else:
        difference = float(np.abs(found - evidence.outputs).max(initial=0.0))
        if difference <= evidence.tolerance:
            told = f"`earthengine model prepare` of the trained model gives the same to {difference:.2g}"
            return Finding(ORACLE, True, told)
        told = f"it differs by up to {difference:.2g} (allowed: {evidence.tolerance:.2g})"
    return Finding(
        ORACLE,
        False,
        f"`earthengine model prepare` of the trained model gives something else: {told}",
        "the trained model's saved_model/ and model.keras are not the same: train it again",
    )
