"""What the image of a config's section holds, pixel by pixel, as the real client is told by a sandbox."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.conftest import Sandbox

Array = np.ndarray[Any, Any]
Said = Mapping[str, Any]
"""By case: `grid`, `told` (what was said of each source), `bands` and their `pixels`; or `error`."""
_SCRIPT = """
import json, os
import ee
from earthline.earth_engine import connection, imagery
from earthline.config import Data

connection.connect("sandbox")
said = {}
for name, content in json.load(open(os.environ["CASES"])).items():
    try:
        data = Data.model_validate(content)
        told = [imagery.require(data, key, source) for key, source in data.imagery.keys.items()]
        grid = imagery.grid(data)
        image = imagery.measured(data).unmask(-9999, False).addBands(imagery.valid(data))
        request = {"expression": image, "fileFormat": "NUMPY_NDARRAY", "grid": grid.to_request()}
        pixels = ee.data.computePixels(request)
        said[name] = {
            "grid": grid.to_json(),
            "told": told,
            "bands": list(pixels.dtype.names),
            "pixels": [pixels[band].astype(float).tolist() for band in pixels.dtype.names],
        }
    except Exception as error:
        said[name] = {"error": f"{type(error).__name__}: {error}"}
print("SAID" + json.dumps(said))
"""


def measured(sandbox: Sandbox, folder: Path, contents: Mapping[str, Any]) -> Said:
    """Asks for every case in one process.

    Args:
        sandbox: Has the assets.
        folder: To write the cases into.
        contents: The section `data` of each case, by its name.
    """
    cases = folder / "cases.json"
    cases.write_text(json.dumps(contents))
    answer = sandbox.python(_SCRIPT, CASES=str(cases), timeout=400)
    said: Said = json.loads(answer.partition("SAID")[2])
    return said


def pixels(said: Said, name: str) -> dict[str, Array]:
    """A case's bands by name with NaN where masked.

    Args:
        said: What was answered.
        name: Of the case, which has no error.
    """
    assert "error" not in said[name], said[name]["error"]
    bands = dict(zip(said[name]["bands"], np.array(said[name]["pixels"]), strict=True))
    valid = bands.pop("earthline_valid") > 0
    return {band: np.where(valid, values, np.nan) for band, values in bands.items()}
