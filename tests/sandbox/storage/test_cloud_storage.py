"""The real google-cloud-storage over the real wire: the proxy, TLS and the JSON API."""

import os
import uuid
from collections.abc import Iterator

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession
from google.cloud import storage
from google.cloud.storage import transfer_manager

from tests.conftest import Sandbox


@pytest.fixture(scope="module")
def client(sandbox: Sandbox) -> Iterator[storage.Client]:
    session = AuthorizedSession(AnonymousCredentials())
    session.trust_env = False
    session.proxies = {"https": sandbox.environment["HTTPS_PROXY"]}
    session.verify = sandbox.environment["REQUESTS_CA_BUNDLE"]
    with session:
        yield storage.Client(project="sandbox", credentials=AnonymousCredentials(), _http=session)


@pytest.fixture
def bucket(client: storage.Client) -> Iterator[storage.Bucket]:
    made = client.create_bucket(f"test-{uuid.uuid4().hex}")
    yield made
    made.delete(force=True)


def test_small_object_round_trip(sandbox: Sandbox, bucket: storage.Bucket) -> None:
    blob = bucket.blob("folder/a.json")
    blob.metadata = {"origin": "test", "größe": "π"}
    blob.upload_from_string(b'{"a": 1}', content_type="application/json")
    again = bucket.get_blob("folder/a.json")
    assert again is not None
    assert (again.size, again.content_type, again.metadata) == (8, "application/json", {"origin": "test", "größe": "π"})
    assert again.md5_hash == blob.md5_hash
    assert again.crc32c
    assert again.download_as_bytes() == b'{"a": 1}'
    # The object and the file under the mount are the same bytes.
    assert (sandbox.home / "storage" / bucket.name / "folder" / "a.json").read_bytes() == b'{"a": 1}'


@pytest.mark.parametrize("size", [0, 1, (8 << 20) + 1])
def test_uploads_of_any_size(bucket: storage.Bucket, size: int) -> None:
    data = os.urandom(size)
    bucket.blob("data").upload_from_string(data, checksum="crc32c")
    assert bucket.blob("data").download_as_bytes(checksum="md5") == data


def test_resumable_upload_in_chunks(bucket: storage.Bucket) -> None:
    data = os.urandom((1 << 20) + 12345)
    blob = bucket.blob("chunks", chunk_size=256 << 10)
    blob.upload_from_string(data)
    assert blob.download_as_bytes() == data
    assert blob.size == len(data)


def test_writing_and_reading_as_a_file(bucket: storage.Bucket) -> None:
    lines = [f"line {number}\n" for number in range(100_000)]
    with bucket.blob("lines").open("w", chunk_size=256 << 10) as out:
        out.writelines(lines)
    with bucket.blob("lines").open("r", chunk_size=256 << 10) as file:
        assert file.readlines() == lines


def test_interrupted_upload_goes_on(sandbox: Sandbox, bucket: storage.Bucket) -> None:
    data = os.urandom(600 << 10)
    location = bucket.blob("cut").create_resumable_upload_session(size=len(data))
    path = location.removeprefix("https://storage.googleapis.com")
    first = sandbox.request(
        "PUT",
        "storage.googleapis.com",
        path,
        content=data[: 256 << 10],
        headers={"Content-Range": f"bytes 0-{(256 << 10) - 1}/{len(data)}"},
    )
    assert (first.status_code, first.headers["range"]) == (308, f"bytes=0-{(256 << 10) - 1}")
    assert not bucket.blob("cut").exists()
    asked = sandbox.request("PUT", "storage.googleapis.com", path, headers={"Content-Range": f"bytes */{len(data)}"})
    assert (asked.status_code, asked.headers["range"]) == (308, f"bytes=0-{(256 << 10) - 1}")
    last = sandbox.request(
        "PUT",
        "storage.googleapis.com",
        path,
        content=data[256 << 10 :],
        headers={"Content-Range": f"bytes {256 << 10}-{len(data) - 1}/{len(data)}"},
    )
    assert last.status_code == 200
    assert bucket.blob("cut").download_as_bytes() == data


def test_ranges(bucket: storage.Bucket) -> None:
    data = bytes(range(256)) * 10
    blob = bucket.blob("ranges")
    blob.upload_from_string(data)
    assert blob.download_as_bytes(start=10, end=19) == data[10:20]
    assert blob.download_as_bytes(start=2000) == data[2000:]
    assert blob.download_as_bytes(start=0, end=10**9) == data
    with pytest.raises(exceptions.RequestRangeNotSatisfiable):
        blob.download_as_bytes(start=10_000)


def test_listing_with_prefix_delimiter_and_pages(client: storage.Client, bucket: storage.Bucket) -> None:
    names = ["a", "b/1", "b/2", "b/c/3", "b-x", "ä", "z"]
    for name in names:
        bucket.blob(name).upload_from_string(name)
    everything = [blob.name for blob in client.list_blobs(bucket)]
    assert everything == sorted(names, key=str.encode)
    for size in range(1, 8):
        assert [blob.name for blob in client.list_blobs(bucket, page_size=size)] == everything
    listing = client.list_blobs(bucket, prefix="b/", delimiter="/")
    assert [blob.name for blob in listing] == ["b/1", "b/2"]
    assert listing.prefixes == {"b/c/"}
    for size in (1, 2, 3):
        paged = client.list_blobs(bucket, delimiter="/", page_size=size)
        assert [blob.name for blob in paged] == ["a", "b-x", "z", "ä"]
        assert paged.prefixes == {"b/"}
    assert [blob.name for blob in client.list_blobs(bucket, start_offset="b/2", end_offset="z")] == ["b/2", "b/c/3"]
    assert [blob.name for blob in client.list_blobs(bucket, max_results=2)] == everything[:2]
    assert [blob.name for blob in client.list_blobs(bucket, match_glob="b/*")] == ["b/1", "b/2"]
    assert [blob.name for blob in client.list_blobs(bucket, match_glob="b/**")] == ["b/1", "b/2", "b/c/3"]


def test_preconditions(bucket: storage.Bucket) -> None:
    blob = bucket.blob("guarded")
    blob.upload_from_string("1", if_generation_match=0)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("guarded").upload_from_string("2", if_generation_match=0)
    first = blob.generation
    blob.upload_from_string("2", if_generation_match=first)
    assert blob.generation > first
    with pytest.raises(exceptions.PreconditionFailed):
        blob.delete(if_generation_match=first)
    with pytest.raises(exceptions.NotFound):
        bucket.blob("guarded", generation=first).download_as_bytes()
    blob.delete(if_generation_match=blob.generation)
    assert not bucket.blob("guarded").exists()


def test_a_write_through_the_mount_is_a_new_generation(sandbox: Sandbox, bucket: storage.Bucket) -> None:
    blob = bucket.blob("mounted/x")
    blob.upload_from_string("one", content_type="text/plain")
    before = blob.generation
    path = sandbox.home / "storage" / bucket.name / "mounted" / "x"
    path.write_bytes(b"three")
    path.with_name("new").write_bytes(b"made by a task")
    again = bucket.get_blob("mounted/x")
    assert again is not None
    assert again.generation > before
    assert (again.size, again.download_as_bytes()) == (5, b"three")
    assert bucket.blob("mounted/new").download_as_bytes(checksum="crc32c") == b"made by a task"


def test_copy_compose_and_metadata(bucket: storage.Bucket) -> None:
    for name in ("1", "2"):
        bucket.blob(f"part/{name}").upload_from_string(name * 3)
    whole = bucket.blob("whole")
    whole.content_type = "text/plain"
    whole.compose([bucket.blob("part/1"), bucket.blob("part/2")])
    assert whole.download_as_bytes() == b"111222"
    whole.metadata = {"k": "v"}
    whole.patch()
    assert whole.metageneration == 2
    copied = bucket.copy_blob(whole, bucket, "copy/of it?#%")
    assert copied.name == "copy/of it?#%"
    assert copied.download_as_bytes() == b"111222"
    assert copied.metadata == {"k": "v"}
    token, done, total = bucket.blob("rewritten").rewrite(copied)
    assert (token, done, total) == (None, 6, 6)
    bucket.rename_blob(copied, "renamed")
    assert bucket.blob("renamed").exists()
    assert not copied.exists()


def test_batch(client: storage.Client, bucket: storage.Bucket) -> None:
    for number in range(5):
        bucket.blob(f"n/{number}").upload_from_string("x")
    with client.batch():
        for number in range(5):
            bucket.blob(f"n/{number}").delete()
    assert list(client.list_blobs(bucket)) == []
    with pytest.raises(exceptions.NotFound), client.batch():
        bucket.blob("none").delete()


def test_buckets(client: storage.Client, bucket: storage.Bucket) -> None:
    with pytest.raises(exceptions.Conflict):
        client.create_bucket(bucket.name)
    assert bucket.name in [found.name for found in client.list_buckets()]
    bucket.labels = {"a": "b"}
    bucket.patch()
    assert client.get_bucket(bucket.name).labels == {"a": "b"}
    bucket.blob("x").upload_from_string("x")
    with pytest.raises(exceptions.Conflict):
        bucket.delete()
    with pytest.raises(exceptions.NotFound):
        client.get_bucket("no-such-bucket")
    assert client.lookup_bucket("no-such-bucket") is None
    with pytest.raises(exceptions.NotFound):
        client.bucket("no-such-bucket").blob("x").upload_from_string("x")


def test_missing_objects(bucket: storage.Bucket) -> None:
    blob = bucket.blob("none")
    assert not blob.exists()
    assert bucket.get_blob("none") is None
    for act in (blob.download_as_bytes, blob.delete, blob.reload):
        with pytest.raises(exceptions.NotFound):
            act()


def test_wrong_checksum_is_refused_and_nothing_is_written(bucket: storage.Bucket) -> None:
    blob = bucket.blob("sum")
    blob.md5_hash = "AAAAAAAAAAAAAAAAAAAAAA=="
    with pytest.raises(exceptions.BadRequest, match="md5"):
        blob.upload_from_string("content")
    assert not bucket.blob("sum").exists()


@pytest.mark.parametrize(
    "name",
    ["../escape", "a/../../escape", "/absolute", "a//b", "a/./b", ".", "..", "a\0b", "x" * 1025, "a/" + "y" * 300],
)
def test_names_that_no_file_can_have_are_refused(sandbox: Sandbox, bucket: storage.Bucket, name: str) -> None:
    before = sorted(path for path in sandbox.home.rglob("*escape*"))
    with pytest.raises((exceptions.BadRequest, exceptions.NotFound)):
        bucket.blob(name).upload_from_string("x")
    assert sorted(path for path in sandbox.home.rglob("*escape*")) == before


@pytest.mark.parametrize("name", ["..", ".", "a", "UPPER", "a/b", "-ab", "x" * 64, "storage-metadata/..", "%2e%2e"])
def test_bucket_names_cannot_escape(sandbox: Sandbox, name: str) -> None:
    made = sandbox.request("POST", "storage.googleapis.com", "/storage/v1/b?project=sandbox", json={"name": name})
    assert made.status_code == 400
    for method in ("GET", "DELETE"):
        # Every character in %XX: clients would resolve dots themselves.
        path = "/storage/v1/b/" + "".join(f"%{byte:02x}" for byte in name.encode())
        assert sandbox.request(method, "storage.googleapis.com", path).status_code in (400, 404)


def test_a_link_out_of_the_bucket_is_not_followed(sandbox: Sandbox, bucket: storage.Bucket) -> None:
    folder = sandbox.home / "storage" / bucket.name
    (folder / "link").symlink_to(sandbox.home / "authority")
    (folder / "file").symlink_to(sandbox.home / "authority" / "ca.key")
    try:
        for name in ("link/ca.key", "file"):
            with pytest.raises((exceptions.BadRequest, exceptions.NotFound, exceptions.Forbidden)):
                bucket.blob(name).download_as_bytes()
            with pytest.raises((exceptions.BadRequest, exceptions.Forbidden)):
                bucket.blob("link/new").upload_from_string("x")
        assert not (sandbox.home / "authority" / "new").exists()
        assert [blob.name for blob in bucket.list_blobs()] == []
    finally:
        (folder / "link").unlink()
        (folder / "file").unlink()


def test_an_object_beside_a_folder_of_its_name_is_a_clear_error(bucket: storage.Bucket) -> None:
    bucket.blob("a/b").upload_from_string("x")
    with pytest.raises(exceptions.BadRequest, match="keeps objects as files"):
        bucket.blob("a").upload_from_string("x")
    bucket.blob("c").upload_from_string("x")
    with pytest.raises(exceptions.BadRequest, match="keeps objects as files"):
        bucket.blob("c/d").upload_from_string("x")
    assert not bucket.blob("c/d").exists()
    assert not bucket.blob("a").exists()


def test_folder_placeholders(bucket: storage.Bucket) -> None:
    """Consoles and some clients make an empty `folder/` object."""
    bucket.blob("folder/").upload_from_string("")
    assert bucket.blob("folder/").exists()
    bucket.blob("folder/x").upload_from_string("x")
    assert "folder/x" in [blob.name for blob in bucket.list_blobs()]
    bucket.blob("folder/").delete()
    assert bucket.blob("folder/x").exists()


def test_gzip_content_is_sent_as_stored(bucket: storage.Bucket) -> None:
    import gzip

    blob = bucket.blob("g")
    blob.content_encoding = "gzip"
    blob.upload_from_string(gzip.compress(b"plain"), content_type="text/plain")
    assert blob.download_as_bytes() == b"plain"
    assert gzip.decompress(blob.download_as_bytes(raw_download=True)) == b"plain"


def test_parallel_writers_leave_one_whole_object(client: storage.Client, bucket: storage.Bucket) -> None:
    from concurrent.futures import ThreadPoolExecutor

    contents = [bytes([number]) * 300_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: bucket.blob("contended").upload_from_string(content), contents))
    blob = bucket.get_blob("contended")
    assert blob is not None
    assert blob.download_as_bytes(checksum="md5") in contents


def test_parallel_chunked_download(bucket: storage.Bucket, tmp_path: os.PathLike[str]) -> None:
    data = os.urandom(5 << 20)
    blob = bucket.blob("sliced")
    blob.upload_from_string(data)
    target = os.path.join(tmp_path, "sliced")
    transfer_manager.download_chunks_concurrently(
        blob, target, chunk_size=1 << 20, max_workers=4, worker_type=transfer_manager.THREAD
    )
    with open(target, "rb") as file:
        assert file.read() == data


def test_signed_links_lead_to_the_object(client: storage.Client, sandbox: Sandbox, bucket: storage.Bucket) -> None:
    bucket.blob("linked/x y").upload_from_string("content")
    link = f"/{bucket.name}/linked/x%20y?X-Goog-Signature=abc&X-Goog-Expires=60"
    assert sandbox.request("GET", "storage.googleapis.com", link).content == b"content"
    head = sandbox.request("HEAD", "storage.googleapis.com", link)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "7", b"")
    old = sandbox.request("GET", "www.googleapis.com", f"/storage/v1/b/{bucket.name}/o/linked%2Fx%20y")
    assert old.json()["name"] == "linked/x y"


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("POST", "/upload/storage/v1/b/earthline-sandbox/o?uploadType=odd&name=x", b"x"),
        ("POST", "/upload/storage/v1/b/earthline-sandbox/o?uploadType=media", b"x"),
        ("POST", "/upload/storage/v1/b/earthline-sandbox/o?uploadType=multipart&name=x", b"no boundary"),
        ("POST", "/upload/storage/v1/b/earthline-sandbox/o?uploadType=resumable&name=x", b"{"),
        ("GET", "/storage/v1/b/earthline-sandbox/o?maxResults=many", b""),
        ("GET", "/storage/v1/b/earthline-sandbox/o?maxResults=-1", b""),
        ("POST", "/storage/v1/b/earthline-sandbox/o/x/compose", b'{"sourceObjects": [{"name": 1}]}'),
        ("POST", "/storage/v1/b/earthline-sandbox/o/x/compose", b'{"sourceObjects": 5}'),
        ("POST", "/storage/v1/b/earthline-sandbox/o/x/compose", b"{}"),
        ("POST", "/storage/v1/b?project=sandbox", b'{"name": 5}'),
        ("POST", "/batch/storage/v1", b"nothing"),
        ("GET", "/storage/v1/b/earthline-sandbox/o/x?generation=abc", b""),
        ("GET", "/storage/v1/b/earthline-sandbox/o/x?ifGenerationMatch=abc", b""),
        ("GET", "/", b""),
        ("PATCH", "/storage/v1/b/earthline-sandbox", b"[]"),
    ],
)
def test_malformed_requests_are_refused_in_googles_shape(
    sandbox: Sandbox, method: str, path: str, content: bytes
) -> None:
    answer = sandbox.request(method, "storage.googleapis.com", path, content=content)
    assert 400 <= answer.status_code < 500, answer.text
    error = answer.json()["error"]
    assert error["code"] == answer.status_code
    assert error["message"]
    assert error["errors"][0]["reason"]
