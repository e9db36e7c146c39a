"""Collections as pictures, through the real client: animations and strips."""

import io

import numpy as np
import pytest
import requests
from PIL import Image


@pytest.fixture
def frames(ee):
    """Three images of 4 x 2 degrees, one pixel a degree, each of one value; the left half of the last is masked."""
    region = ee.Geometry.Rectangle([0, 0, 4, 2], "EPSG:4326", False)
    images = [ee.Image.constant(value).toByte() for value in (0, 100, 200)]
    images[2] = images[2].updateMask(ee.Image.pixelLonLat().select("longitude").gt(2))
    return ee.ImageCollection(images), {"region": region, "dimensions": "4x2", "crs": "EPSG:4326", "min": 0, "max": 200}


def fetched(url):
    answer = requests.get(url, timeout=60)
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content))


def test_an_animation_has_a_frame_per_image_at_the_speed_asked_for(frames):
    collection, options = frames
    film = fetched(collection.getVideoThumbURL({**options, "framesPerSecond": 4}))
    assert (film.format, film.n_frames, film.size, film.info["loop"]) == ("GIF", 3, (4, 2), 0)
    shown = []
    for number in range(3):
        film.seek(number)
        assert film.info["duration"] == 250
        shown.append(np.asarray(film.convert("RGB"))[..., 0].tolist())
    assert shown[0] == [[0] * 4] * 2 and shown[2] == [[0, 0, 255, 255]] * 2
    # Half of 255, rounded one way or the other.
    assert set(np.ravel(shown[1])) <= {127, 128}


def test_colours_of_a_palette_are_seen(frames):
    collection, options = frames
    film = fetched(collection.getVideoThumbURL({**options, "palette": ["red", "0000ff"]}))
    film.seek(2)
    assert np.asarray(film.convert("RGB"))[0].tolist() == [[0, 0, 0]] * 2 + [[0, 0, 255]] * 2


def test_a_strip_has_the_frames_one_below_the_other(frames):
    collection, options = frames
    strip = fetched(collection.getFilmstripThumbURL(options))
    assert (strip.format, strip.size) == ("PNG", (4, 6))
    colors = np.asarray(strip)
    assert colors[0, 0].tolist() == [0, 0, 0, 255] and colors[5, 3].tolist() == [255, 255, 255, 255]
    assert colors[4:, :2, 3].max() == 0
    assert fetched(collection.getFilmstripThumbURL({**options, "format": "jpg"})).format == "JPEG"


def test_what_makes_no_film_says_why(ee, frames):
    collection, options = frames
    with pytest.raises(ee.EEException, match="at least one image"):
        collection.limit(0).getVideoThumbURL(options)
    with pytest.raises(ee.EEException, match="must be less than or equal to"):
        collection.getVideoThumbURL({**options, "dimensions": "3000x3000"})
    refused = requests.get(collection.getVideoThumbURL({**options, "framesPerSecond": -1}), timeout=60)
    assert refused.status_code == 400 and "framesPerSecond must be between" in refused.json()["error"]["message"]
