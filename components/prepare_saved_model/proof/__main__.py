"""The proof in a process that loads nothing but the SavedModel: `python -m ….proof FOLDER REFERENCE`.

REFERENCE is an .npz file as `evidence` writes it. The last line that is printed is JSON: `findings` and `difference`.
Where no term fails, the folder gets `probe.npz`, tiles as Earth Engine sends them with their answers.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from components.prepare_saved_model.proof import shapes, terms
from components.prepare_saved_model.proof.case import Case
from components.prepare_saved_model.proof.evidence import Evidence
from earthline.formats.served.contract import Contract


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints what was found; status 0 also where a term fails."""
    parser = argparse.ArgumentParser(description="Proves a SavedModel against its contract.")
    parser.add_argument("folder", type=Path, help="Folder of the SavedModel.")
    parser.add_argument("reference", type=Path, help="What the trained model gave, .npz.")
    parsed = parser.parse_args(arguments)
    case = Case(parsed.folder, Contract.read(parsed.folder), Evidence.read(parsed.reference))
    found = terms.findings(case)
    difference = None
    if all(finding.passed is not False for finding in found):
        seen = case.evidence
        difference = float(np.abs(case.served.arrays(seen.image, seen.valid) - seen.outputs).max(initial=0.0))
        shapes.probe(case).write(case.folder)
    print(json.dumps({"findings": [asdict(finding) for finding in found], "difference": difference}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
