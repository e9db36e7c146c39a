import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earthline_sandbox.errors import ApiError
from earthline_sandbox.storage.names import check_bucket, object_name, object_path
from earthline_sandbox.storage.requests import glob_pattern

ROOT = Path("/nowhere/bucket")


@given(name=st.text(st.sampled_from("ab./\\\0\n~-é%"), max_size=30))
def test_a_name_stays_in_its_bucket_or_is_refused(name: str) -> None:
    try:
        path = object_path(ROOT, name)
    except ApiError as error:
        assert error.code == 400
        return
    assert path != ROOT
    assert path.is_relative_to(ROOT)
    assert ".." not in path.parts
    assert object_name(ROOT, path) == name


@given(name=st.text(st.sampled_from("ab01._-/A\n"), max_size=12))
def test_a_bucket_is_one_folder(name: str) -> None:
    try:
        check_bucket(name)
    except ApiError:
        return
    assert re.fullmatch(r"[a-z0-9][a-z0-9._-]+[a-z0-9]", name)
    assert ".." not in name


@pytest.mark.parametrize(
    ("glob", "matching", "other"),
    [
        ("a*.txt", ["a.txt", "ab.txt"], ["a/b.txt", "b.txt"]),
        ("**.txt", ["a.txt", "a/b/c.txt"], ["a.txt.gz"]),
        ("a/?", ["a/b"], ["a/bc", "a//"]),
        ("{x,y}/[ab]", ["x/a", "y/b"], ["z/a", "x/c"]),
        ("[!a]", ["b"], ["a", "/b"]),
        ("a+(b)", ["a+(b)"], ["aab"]),
    ],
)
def test_globs(glob: str, matching: list[str], other: list[str]) -> None:
    pattern = glob_pattern(glob)
    assert [name for name in matching + other if pattern.fullmatch(name)] == matching


@given(glob=st.text(st.sampled_from("ab*?[]{},!^\\-/"), max_size=12))
def test_any_glob_compiles_or_is_refused(glob: str) -> None:
    try:
        glob_pattern(glob)
    except ApiError as error:
        assert error.code == 400
