"""Prints the dependencies of an image as pip reads them, with the TensorFlow of the processor, of the GPU, or without.

The dependencies are installed apart from the project's own code, in a layer that changes with them alone.
"""

import re
import sys
import tomllib
from pathlib import Path

SERVING = "serving"
EXTRAS = ("onnx",)
"""Optional dependencies of the steps."""
VARIANTS = ("cpu", "gpu", SERVING)
SERVER = (
    "google-cloud-storage",
    "grpcio",
    "httptools",
    "numpy",
    "openvino",
    "orjson",
    "prometheus-client",
    "pybase64",
    "pydantic",
    "starlette",
    "uvicorn",
    "uvloop",
)
"""What of the project's dependencies the prediction server imports."""


def requirements(pyproject: str, constraints: str, variant: str) -> list[str]:
    """One requirement a line.

    Args:
        pyproject: Content of pyproject.toml.
        constraints: Content of constraints.txt; has the version of TensorFlow.
        variant: `cpu` or `gpu` for the image of the steps, `serving` for that of the prediction server.

    Raises:
        ValueError: Another variant, no version of TensorFlow, or the server needs what the project does not.
    """
    if variant not in VARIANTS:
        raise ValueError(f"TENSORFLOW is {variant!r}: give one of {', '.join(VARIANTS)}")
    project = tomllib.loads(pyproject)["project"]
    listed: list[str] = project["dependencies"]
    # The steps take models in any format; a laptop need not.
    steps = [*listed, *(line for extra in EXTRAS for line in project["optional-dependencies"][extra])]
    if variant == "cpu":
        return steps
    if variant == SERVING:
        found = {name: line for line in listed if (name := _name(line)) in SERVER}
        if len(found) < len(SERVER):
            raise ValueError(f"the project does not depend on {', '.join(sorted(set(SERVER) - set(found)))}")
        return list(found.values())
    version = re.search(r"(?m)^tensorflow[-_]cpu==(\S+)$", constraints)
    if version is None:
        raise ValueError("constraints.txt has no version of tensorflow_cpu")
    others = [line for line in steps if not line.startswith("tensorflow")]
    return [*others, f"tensorflow[and-cuda]=={version[1]}"]


def _name(line: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0].replace("_", "-").lower()


if __name__ == "__main__":
    try:
        print(
            "\n".join(
                requirements(Path("pyproject.toml").read_text(), Path("constraints.txt").read_text(), sys.argv[1])
            )
        )
    except ValueError as error:
        sys.exit(f"requirements.py: {error}")
