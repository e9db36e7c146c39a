"""What the pages say of files is true: the ten answers are right, and every file that is named is there."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ARCHITECTURE = ROOT / "docs" / "explanation" / "architecture.md"
TRACKED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
    cwd=ROOT,
    capture_output=True,
    text=True,
    check=True,
).stdout.splitlines()
SANDBOX = ARCHITECTURE.with_name("sandbox.md")
_ANSWER = re.compile(r"^\| .+\? \| `([^`]+)` \| `([^`]+)` \|$", re.MULTILINE)
_FILE = re.compile(r"`([A-Za-z_][\w./-]*(?:\.(?:py|yaml|toml|md|json|j2)|/))`")
_PLACEHOLDER = re.compile(r"(^|/)[A-Z_]+(\.py)?(/|$)")
"""Stands for a name that the reader chooses, such as cli/X.py."""
MADE = {
    "manifest.json",
    "contract.json",
    "history.json",
    "evaluation.json",
    "ee_model.json",
    "proof.json",
    "openvino/",
    "changes.json",
    "saved_model/",
    "schema.yaml",
    "statistics.json",
    "choice.json",
    "tuning.json",
    "map_card.md",
    "preview_card.md",
}
"""Files that a run makes."""


def test_ten_questions_are_answered() -> None:
    answers = _ANSWER.findall(ARCHITECTURE.read_text())
    assert len(answers) == 10
    for path, words in answers:
        assert words in (ROOT / path).read_text(), f"{path} does not hold {words}"


@pytest.mark.parametrize("page", [ARCHITECTURE, SANDBOX, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    places = TRACKED + sorted({f"{parent}/" for name in TRACKED for parent in Path(name).parents})
    named = {name for name in _FILE.findall(text) if not _PLACEHOLDER.search(name)} - MADE
    assert [name for name in named if not any(f"/{place}".endswith(f"/{name}") for place in places)] == []
