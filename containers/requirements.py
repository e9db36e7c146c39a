"""Prints the project's dependencies as pip reads them, with the TensorFlow of the processor or of the GPU.

The dependencies are installed apart from the project's own code, in a layer that changes with them alone.
"""

import re
import sys
import tomllib
from pathlib import Path

VARIANTS = ("cpu", "gpu")


def requirements(pyproject: str, constraints: str, variant: str) -> list[str]:
    """One requirement a line.

    Args:
        pyproject: Content of pyproject.toml.
        constraints: Content of constraints.txt; has the version of TensorFlow.
        variant: `cpu` or `gpu`.

    Raises:
        ValueError: Another variant, or no version of TensorFlow.
    """
    if variant not in VARIANTS:
        raise ValueError(f"TENSORFLOW is {variant!r}: give one of {', '.join(VARIANTS)}")
    listed: list[str] = tomllib.loads(pyproject)["project"]["dependencies"]
    if variant == "cpu":
        return listed
    version = re.search(r"(?m)^tensorflow[-_]cpu==(\S+)$", constraints)
    if version is None:
        raise ValueError("constraints.txt has no version of tensorflow_cpu")
    others = [line for line in listed if not line.startswith("tensorflow")]
    return [*others, f"tensorflow[and-cuda]=={version[1]}"]


if __name__ == "__main__":
    try:
        print(
            "\n".join(
                requirements(Path("pyproject.toml").read_text(), Path("constraints.txt").read_text(), sys.argv[1])
            )
        )
    except ValueError as error:
        sys.exit(f"requirements.py: {error}")
