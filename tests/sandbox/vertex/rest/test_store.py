import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earthline_sandbox.errors import ApiError
from earthline_sandbox.vertex.rest.store import Store

PARENT = "projects/1/locations/here"
SEGMENTS = st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), min_size=1, max_size=20)


def test_records_come_back_as_copies(tmp_path):
    store = Store(tmp_path / "records")
    store.put(f"{PARENT}/models/1", {"labels": {"a": "b"}})
    store.get(f"{PARENT}/models/1")["labels"]["a"] = "changed"
    assert store.get(f"{PARENT}/models/1") == {"labels": {"a": "b"}}
    assert Store(tmp_path / "records").get(f"{PARENT}/models/1") == {"labels": {"a": "b"}}


def test_what_is_absent_is_not_found(tmp_path):
    store = Store(tmp_path)
    for call in (store.get, store.delete, lambda name: store.update(name, lambda record: None)):
        with pytest.raises(ApiError) as refusal:
            call(f"{PARENT}/models/1")
        assert refusal.value.status == "NOT_FOUND"
    assert store.list(PARENT, "models") == []


def test_list_gives_one_kind_of_one_parent_in_order_of_creation(tmp_path):
    store = Store(tmp_path)
    store.put(f"{PARENT}/models/2", {"createTime": "2024-01-01"})
    store.put(f"{PARENT}/models/1", {"createTime": "2024-01-02"})
    store.put(f"{PARENT}/models/1/versions/1", {"createTime": "2024-01-03"})
    store.put(f"{PARENT}/endpoints/1", {})
    assert [record["createTime"] for record in store.list(PARENT, "models")] == ["2024-01-01", "2024-01-02"]
    assert [name for name, _ in store.every("models")] == [f"{PARENT}/models/1", f"{PARENT}/models/2"]
    store.delete(f"{PARENT}/models/1")
    assert store.list(f"{PARENT}/models/1", "versions") == []


def test_a_failed_change_leaves_the_record_as_it_was(tmp_path):
    store = Store(tmp_path)
    store.put(f"{PARENT}/models/1", {"n": 1})

    def change(record):
        record["n"] = 2
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        store.update(f"{PARENT}/models/1", change)
    assert store.get(f"{PARENT}/models/1") == {"n": 1}


def test_changes_do_not_lose_each_other(tmp_path):
    store = Store(tmp_path)
    name = f"{PARENT}/models/1"
    store.put(name, {"n": 0})

    def count():
        for _ in range(50):
            store.update(name, lambda record: record.update(n=record["n"] + 1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get(name) == {"n": 200}


@settings(deadline=None)
@given(st.lists(SEGMENTS, min_size=1, max_size=4))
def test_no_name_leaves_the_store_or_meets_another(tmp_path_factory, segments):
    root = tmp_path_factory.mktemp("store")
    store = Store(root / "records")
    name, other = "/".join(segments), "/".join([*segments[:-1], f"{segments[-1]}."])
    try:
        store.put(name, {"name": name})
    except ApiError as refusal:
        assert refusal.status == "INVALID_ARGUMENT"
        return
    store.put(other, {"name": other})
    assert store.get(name) == {"name": name}
    assert [path.name for path in root.iterdir()] == ["records"]
    assert {path.suffix for path in root.rglob("*") if path.is_file()} == {".json"}
