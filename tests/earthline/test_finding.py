"""What people are told of several findings."""

from earthline.finding import Finding, by_cause, refusal

CHANGED = "run the pipeline again"


def test_findings_of_one_cause_are_told_once_with_what_to_do() -> None:
    found = [
        Finding("patch 1: pixels", False, "b1 in 3 pixels", CHANGED, cause="changed"),
        Finding("patch 1: answer", True, "equal"),
        Finding("patch 2: pixels", False, "b1 in 9 pixels", CHANGED, cause="changed"),
        Finding("patch 3: pixels", False, "b1 in 4 pixels", CHANGED, cause="changed"),
        Finding("size", False, "too large", "use a smaller model"),
    ]
    assert refusal(found) == (
        "patch 1: pixels: b1 in 3 pixels; likewise patch 2: pixels, patch 3: pixels (run the pipeline again); "
        "size: too large (use a smaller model)"
    )
    assert refusal(found[1:2]) == ""


def test_what_names_no_cause_or_needs_another_fix_stands_alone() -> None:
    notes = [
        Finding("a", None, "x"),
        Finding("b", None, "x"),
        Finding("c", None, "y", "do", "z"),
        Finding("d", None, "y", cause="z"),
    ]
    assert by_cause(notes) == ["a: x", "b: x", "c: y (do)", "d: y"]
