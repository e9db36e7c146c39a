import pytest

from earthline.local_map.bands import BandError, matched

TAKEN = ("red", "0_nir")


@pytest.mark.parametrize(
    ("names", "said", "places", "told"),
    [
        (("0_nir", "blue", "red"), {}, (2, 0), "bands by name: red = 3, 0_nir = 1"),
        (("0_NIR", "Red"), {}, (1, 0), "bands by name: red = 2 (Red), 0_nir = 1 (0_NIR)"),
        # Equal to the letter comes first.
        (("RED", "red", "0_nir"), {}, (1, 2), "bands by name: red = 2, 0_nir = 3"),
        (("", ""), {}, (0, 1), "bands by order, since a.tif names none: red = 1, 0_nir = 2"),
        (("", "", ""), {"red": "3", "0_nir": "1"}, (2, 0), "bands by name: red = 3, 0_nir = 1"),
        (("a", "b", "0_nir"), {"red": "b"}, (1, 2), "bands by name: red = 2 (b), 0_nir = 3"),
        # A band that is called by a number.
        (("2", "0_nir"), {"red": "2"}, (0, 1), "bands by name: red = 1 (2), 0_nir = 2"),
    ],
)
def test_bands_are_found(names: tuple[str, ...], said: dict[str, str], places: tuple[int, ...], told: str) -> None:
    found = matched(names, TAKEN, said, "a.tif")
    assert (found.places, found.told) == (places, told)


@pytest.mark.parametrize(
    ("names", "said", "problem"),
    [
        (("", "", ""), {}, "a.tif has 3 bands without names, the model takes 2: red, 0_nir. Say which band is which"),
        (("", "nir"), {}, "a.tif has no band red, 0_nir; it has 1, 2 nir, the model takes red, 0_nir. Say which"),
        (("red", "Red", "0_nir", "0_NIR", "0_Nir"), {"0_nir": "9"}, "--input 0_nir=9: a.tif has no such band"),
        (("Red", "RED", "0_nir"), {}, "a.tif has several bands red: 1 and 2. Choose by --input red=1"),
        (("", ""), {"red": "1"}, "--input says nothing of 0_nir, and the bands of a.tif have no names"),
        (("red", "0_nir"), {"nir": "2"}, "--input nir=…: the model takes no band nir; it takes red, 0_nir"),
        (("red", "0_nir"), {"red": "0"}, "--input red=0: a.tif has no such band"),
    ],
)
def test_what_cannot_be_told_apart_is_refused(names: tuple[str, ...], said: dict[str, str], problem: str) -> None:
    with pytest.raises(BandError) as caught:
        matched(names, TAKEN, said, "a.tif")
    assert problem in str(caught.value)
