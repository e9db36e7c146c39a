import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earthline_sandbox.errors import ApiError
from earthline_sandbox.vertex.rest.listing import page, parse_filter

RECORD = {
    "displayName": "land cover",
    "state": "RUNNING",
    "labels": {"team": "maps", "a.b": "dotted"},
    "createTime": "2024-05-01T00:00:00Z",
    "replicas": 3,
    "enabled": True,
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ('display_name="land cover"', True),
        ("displayName = 'land cover'", True),
        ('display_name="land"', False),
        ('display_name="land*"', True),
        ('display_name="*d*v*"', True),
        ('display_name="*cover*d"', False),
        ('display_name!="x"', True),
        ("labels.team=maps", True),
        ("labels.a.b=dotted", True),
        ("labels.team:*", True),
        ("labels.other:*", False),
        ("labels:team", True),
        ("labels.other=maps", False),
        ("labels.other!=maps", True),
        ('create_time>"2024-04-01T00:00:00Z"', True),
        ("replicas>=3 AND replicas<4", True),
        ("enabled=true", True),
        ("state=RUNNING labels.team=x", False),
        ("state=RUNNING OR labels.team=x", True),
        ("NOT state=RUNNING", False),
        # OR binds closer than AND.
        ("state=X AND state=RUNNING OR state=RUNNING", False),
        ("(state=X AND state=Y) OR state=RUNNING", True),
        ('display_name="a\\"b"', False),
    ],
)
def test_filters(text, expected):
    assert parse_filter(text)(RECORD) is expected


@pytest.mark.parametrize(
    "text",
    ["display_name", "=1", "a==1", "a=", "(a=1", "a=1)", "AND", 'a="b', "a=1 OR", "NOT", "(" * 100, "NOT " * 90],
)
def test_malformed_filters_are_refused(text):
    with pytest.raises(ApiError, match="malformed"):
        parse_filter(text)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_a_filter_or_refused(text):
    try:
        result = parse_filter(text)(RECORD)
    except ApiError as refusal:
        assert refusal.status == "INVALID_ARGUMENT"
    else:
        assert isinstance(result, bool)


@settings(deadline=None)
@given(st.text(alphabet="ab", max_size=12), st.text(alphabet="ab*", max_size=8))
def test_wildcards_agree_with_their_definition(text, pattern):
    def matches(text, pattern):
        if not pattern:
            return not text
        if pattern[0] == "*":
            return any(matches(text[start:], pattern[1:]) for start in range(len(text) + 1))
        return text[:1] == pattern[0] and matches(text[1:], pattern[1:])

    assert parse_filter(f'name="{pattern}"')({"name": text}) is matches(text, pattern)


@settings(deadline=None)
@given(st.integers(0, 25), st.integers(1, 10))
def test_pages_hold_every_record_once(count, size):
    records = [{"n": f"{number:02}"} for number in range(count)]
    query = {"pageSize": str(size), "orderBy": "n desc"}
    found = []
    while True:
        answer = page(records, "items", lambda key: query.get(key, ""))
        assert len(answer["items"]) <= size
        found += answer["items"]
        if "nextPageToken" not in answer:
            break
        query["pageToken"] = answer["nextPageToken"]
    assert found == records[::-1]


@pytest.mark.parametrize("query", [{"pageSize": "-1"}, {"pageSize": "x"}, {"pageToken": "²"}, {"orderBy": "n up"}])
def test_wrong_pages_are_refused(query):
    with pytest.raises(ApiError):
        page([], "items", lambda key: query.get(key, ""))
