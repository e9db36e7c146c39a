"""The messages that the troubleshooting page explains are messages that the code still gives."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "troubleshooting.md"
FOLDERS = ("cli", "components", "earthline", "pipelines", "sandbox", "serving", "trainer")
OF_OTHERS = "## Installing"
"""From here on messages of pip and of compilers."""


@cache
def messages() -> str:
    """Every text of the code, one a line, what is filled in shown as `…`."""
    texts = []
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    texts.append(node.value)
                elif isinstance(node, ast.JoinedStr):
                    texts.append(
                        "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
                    )
    return "\n".join(" ".join(text.split()) for text in texts)


def headings() -> list[str]:
    text = PAGE.read_text().partition(OF_OTHERS)[0]
    found = [
        line.removeprefix("### ").removeprefix("`").removesuffix("`")
        for line in text.splitlines()
        if line.startswith("### ")
    ]
    assert len(found) > 40
    return found


@pytest.mark.parametrize("heading", headings())
def test_a_message_is_one_of_the_code(heading: str) -> None:
    for piece in re.split(" ?… ?", heading):
        assert piece.strip(" ;:.'()") in messages(), piece


def test_what_no_code_says_is_found() -> None:
    assert "the moon is made of cheese" not in messages()
