import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from earthline.local_map.bands import BandError
from earthline.local_map.files import ImageError
from earthline.local_map.images import Images

from .files import write

BANDS = ("a", "b")


def opened(*paths: str, nodata: float | None = None, **said: str) -> Images:
    return Images(paths, BANDS, said, nodata)


def numbers(rows: int, columns: int, kind: str = "float32", start: int = 1) -> np.ndarray:
    return np.arange(start, start + 2 * rows * columns, dtype=kind).reshape(2, rows, columns)


def test_a_window_that_reaches_outside_is_not_valid_there_and_bands_are_in_the_models_order(tmp_path: Path) -> None:
    values = numbers(5, 7)
    with opened(write(tmp_path / "x.tif", values, ("b", "a"), blockxsize=16, blockysize=16, tiled=True)) as images:
        found, valid = images.read(-2, 3, (9, 6))
        far, nothing = images.read(100, 100, (2, 2))
    assert found.dtype == np.float32 and found.shape == (2, 9, 6)
    inside = np.zeros((9, 6), bool)
    inside[2:7, :4] = True
    np.testing.assert_array_equal(valid, inside)
    np.testing.assert_array_equal(found[:, inside], values[::-1, :, 3:].reshape(2, -1))
    assert (found[:, ~inside] == 0).all()
    assert not nothing.any() and (far == 0).all()


def test_whatever_says_that_there_is_no_imagery_makes_all_bands_of_a_pixel_invalid(tmp_path: Path) -> None:
    values = numbers(3, 4)
    values[0, 0, 0] = np.nan
    values[1, 0, 1] = np.inf
    values[1, 0, 2] = -1
    with opened(write(tmp_path / "nodata.tif", values, BANDS, nodata=-1)) as images:
        found, valid = images.read(0, 0, (3, 4))
    np.testing.assert_array_equal(valid, [[False] * 3 + [True], [True] * 4, [True] * 4])
    assert (found[:, ~valid] == 0).all() and np.isfinite(found).all()

    with opened(write(tmp_path / "said.tif", numbers(3, 4), BANDS), nodata=5) as images:
        assert np.argwhere(~images.read(0, 0, (3, 4))[1]).tolist() == [[1, 0]]

    path = write(tmp_path / "alpha.tif", np.concatenate([numbers(3, 4, "uint8"), np.full((1, 3, 4), 255, np.uint8)]))
    with rasterio.open(path, "r+") as file:
        file.colorinterp = [ColorInterp.gray, ColorInterp.undefined, ColorInterp.alpha]
        alpha = np.full((3, 4), 255, np.uint8)
        alpha[2, 3] = 0
        file.write(alpha, 3)
    # Two bands without names and a mask: the mask is no band.
    with opened(path) as images:
        assert images.matching.told.startswith("bands by order")
        assert np.argwhere(~images.read(0, 0, (3, 4))[1]).tolist() == [[2, 3]]

    path = write(tmp_path / "mask.tif", numbers(3, 4), BANDS)
    with rasterio.open(path, "r+") as file:
        mask = np.ones((3, 4), bool)
        mask[1, 1] = False
        file.write_mask(mask)
    with opened(path) as images:
        assert np.argwhere(~images.read(0, 0, (3, 4))[1]).tolist() == [[1, 1]]


def test_parts_lie_beside_each_other_and_the_first_valid_one_counts(tmp_path: Path) -> None:
    first, second = numbers(4, 5), numbers(4, 5, start=1000)
    first[0, 2, 4] = 0
    paths = [
        write(tmp_path / "1.tif", first, ("b", "a"), row=10, column=20, nodata=0),
        # The other order of bands, and no nodata.
        write(tmp_path / "2.tif", second, ("a", "b"), row=11, column=23),
    ]
    with opened(*paths) as images:
        assert images.grid.shape == (5, 8)
        assert images.grid.transform[2::3] == (600_200, 4_999_900)
        found, valid = images.read(0, 0, (5, 8))
        strip, _ = images.read(2, 4, (1, 2))
        assert images.sample().shape == (2, 5 * 8 - 3 - 3)
    assert not valid[0, 5:].any() and not valid[4, :3].any() and valid.sum() == 34
    np.testing.assert_array_equal(found[:, :4, :4], first[::-1, :, :4])
    # The first one's hole is filled by the second.
    np.testing.assert_array_equal(found[:, 2, 4], second[:, 1, 1])
    np.testing.assert_array_equal(found[:, 1, 4], first[::-1, 1, 4])
    np.testing.assert_array_equal(strip, found[:, 2:3, 4:6])


def test_bands_of_several_files_on_one_grid_are_one_image(tmp_path: Path) -> None:
    one, other = numbers(3, 4), numbers(3, 4, start=50)
    other[0, 0, 0] = np.nan
    paths = [write(tmp_path / "1.tif", one[:1], ("b",)), write(tmp_path / "2.tif", other[:1], ("a",))]
    with opened(*paths) as images:
        found, valid = images.read(0, 0, (3, 4))
        assert images.matching.told == "bands by name: a = 2, b = 1"
    np.testing.assert_array_equal(found[:, valid], np.stack([other[0], one[0]])[:, valid])
    assert np.argwhere(~valid).tolist() == [[0, 0]]
    # Numbers count through all files.
    bare = [write(tmp_path / f"bare{place}.tif", one[:1]) for place in range(2)]
    with opened(*bare, a="2", b="1") as images:
        assert images.matching.places == (1, 0)


def test_a_vrt_is_an_image_and_a_change_of_what_it_shows_is_noticed(tmp_path: Path) -> None:
    source = write(tmp_path / "x.tif", numbers(3, 4), BANDS)
    (tmp_path / "x.vrt").write_text(
        '<VRTDataset rasterXSize="4" rasterYSize="3"><SRS>EPSG:32632</SRS>'
        "<GeoTransform>600000, 10, 0, 5000000, 0, -10</GeoTransform>"
        + "".join(
            f'<VRTRasterBand dataType="Float32" band="{place}"><Description>{name}</Description><SimpleSource>'
            f'<SourceFilename relativeToVRT="1">x.tif</SourceFilename><SourceBand>{place}</SourceBand>'
            "</SimpleSource></VRTRasterBand>"
            for place, name in enumerate(BANDS, start=1)
        )
        + "</VRTDataset>"
    )
    with opened(str(tmp_path / "x.vrt")) as images:
        np.testing.assert_array_equal(images.read(0, 0, (3, 4))[0], numbers(3, 4))
        before = images.fingerprint
    with rasterio.open(source, "r+") as file:
        file.write(numbers(3, 4) + 1)
    with opened(str(tmp_path / "x.vrt")) as images:
        assert images.fingerprint != before
    Path(source).unlink()
    with pytest.raises(ImageError, match=r"x.vrt cannot be .*x.tif"), opened(str(tmp_path / "x.vrt")) as images:
        images.read(0, 0, (3, 4))


@pytest.mark.parametrize(
    ("profile", "error", "problem"),
    [
        ({"dtype": "complex64"}, ImageError, "holds complex64: a model takes plain numbers"),
        ({"crs": None}, ImageError, "has no coordinate reference system, so that nobody knows where it lies"),
        (
            {"crs": 'LOCAL_CS["site",UNIT["metre",1]]'},
            ImageError,
            "lies in site, which has no place on the Earth; give",
        ),
        ({"names": ("a", "c")}, BandError, "has no band b; it has 1 a, 2 c"),
        ({"names": ()}, None, ""),
    ],
)
def test_what_cannot_be_mapped_is_refused(
    profile: dict[str, Any], error: type[Exception] | None, problem: str, tmp_path: Path
) -> None:
    names = profile.pop("names", BANDS)
    values = numbers(3, 4).astype(profile.get("dtype", "float32"))
    path = write(tmp_path / "x.tif", values, names, **profile)
    if error is None:
        with opened(path) as images:
            assert images.read(0, 0, (1, 1))[1].all()
        return
    with pytest.raises(error, match=problem):
        opened(path)


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ({"column": 0.5}, "is shifted by a part of a pixel against"),
        ({"crs": "EPSG:32633"}, "lies in EPSG:32633, "),
        ({"transform": rasterio.Affine(20, 0, 600_000, 0, -20, 5_000_000)}, "has other pixels than"),
    ],
)
def test_parts_that_share_no_grid_are_refused(place: dict[str, Any], problem: str, tmp_path: Path) -> None:
    paths = [
        write(tmp_path / "1.tif", numbers(3, 4), BANDS),
        write(tmp_path / "2.tif", numbers(3, 4), BANDS, **place),
    ]
    with pytest.raises(ImageError, match=problem):
        opened(*paths)


def test_what_is_no_image_or_damaged_is_said(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as several:
        several["red"], several["nir"] = np.zeros((9, 8)), np.zeros((9, 8))
    with pytest.raises(ImageError, match=r"holds no bands itself; name one of its parts, or several: .*//nir, .*//red"):
        opened(str(tmp_path / "x.h5"))
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.writestr("x.tif", b"")
    with pytest.raises(ImageError, match="unpack it, or name the file in it: /vsizip//"):
        opened(str(tmp_path / "x.zip"))
    (tmp_path / "x.tif").write_text("nothing")
    with pytest.raises(ImageError, match="cannot be opened as an image"):
        opened(str(tmp_path / "x.tif"))
    values = np.random.default_rng(0).normal(size=(2, 300, 300)).astype(np.float32)
    path = Path(write(tmp_path / "y.tif", values, BANDS, tiled=True, blockxsize=64, blockysize=64, compress="deflate"))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ImageError, match=r"cannot be (read at row|opened)"), opened(str(path)) as images:
        images.read(0, 0, (300, 300))


def test_scales_of_a_file_are_left_alone_and_said(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tif", numbers(3, 4), BANDS)
    with rasterio.open(path, "r+") as file:
        file.scales = (1.0, 0.0001)
    with opened(path) as images:
        assert images.read(0, 0, (3, 4))[0][1, 0, 0] == 13
        assert len(images.notes) == 1 and "band 2 of" in images.notes[0]
