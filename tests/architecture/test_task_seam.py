"""What only a task may know stands in no other place."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OWN = ("earthline/task/", "trainer/heads/", "trainer/losses.py", "trainer/metrics.py")
"""The task's module, and the end of the network that learns it."""
CODE = [
    path
    for folder in ("cli", "components", "earthline", "pipelines", "serving", "trainer")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not path.relative_to(ROOT).as_posix().startswith(OWN)
]


@pytest.mark.parametrize(
    "pattern",
    [
        r"arrayArgmax|\.argmax\(",
        r"RandomForest(Classifier|Regressor)",
        r"val_accuracy|val_mean_iou|softmax|CrossEntropy",
        r"class_palette|\"class_id\"|\"MODE\"",
        r"\.remap\(|reduceResolution",
        r"write_colormap\(1, \{|labelled.*trace\(",
        r"(if|elif|==) *[\"']?(classification|regression)\b|isinstance\([^)]*Classification",
    ],
)
def test_nothing_outside_a_task_knows(pattern: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in CODE
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(pattern, line)
    ]
    assert found == []
