"""Every example of a config in the documentation is one that loads."""

import re
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml

from earthline import config

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^( *)```yaml\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
EXAMPLES = [
    pytest.param(dedent(block[2]), id=f"{page.relative_to(ROOT)}-{number}")
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    for number, block in enumerate(BLOCK.finditer(page.read_text("utf-8")))
]
REST = yaml.safe_load((ROOT / "docs" / "tutorial" / "valley.yaml").read_text("utf-8")) | {
    "serving": {"tile_shape": [40, 40]}
}
"""Stands for what an example leaves out."""


def completed(example: Any) -> dict[str, Any]:
    """An example with all that it does not say; a section below `data` is its own as a whole."""
    data = {**REST["data"], **example.get("data", {})}
    return {**REST, **example, "data": data}


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 8


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_loads(text: str, tmp_path: Path) -> None:
    path = tmp_path / "example.yaml"
    path.write_text(yaml.safe_dump(completed(yaml.safe_load(text))))
    config.load(path)
