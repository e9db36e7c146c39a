"""References to container images."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.checks.images import ImageError, ImageReference


def test_an_image_is_told_apart() -> None:
    digest = "sha256:" + "a" * 64
    image = ImageReference.parse(f"europe-west4-docker.pkg.dev/project/repository/group/name@{digest}")
    assert image.repository == "projects/project/locations/europe-west4/repositories/repository"
    assert image.package.endswith("/packages/group%2Fname")
    assert (image.tag, image.digest) == ("", digest)
    assert ImageReference.parse("earthline:0.1.0").registry == ""
    assert ImageReference.parse("localhost:5000/earthline:1").registry == "localhost:5000"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Earthline:1", "names no container image"),
        ("earthline", "does not say which version"),
        ("gcr.io/p/earthline:latest", "does not say which version"),
        ("us-central1-docker.pkg.dev/project/name:1", "lacks a part"),
        ("earthline:1@sha256:abc", "names no container image"),
    ],
)
def test_an_image_of_which_nobody_knows_the_version_is_refused(text: str, said: str) -> None:
    with pytest.raises(ImageError, match=said):
        ImageReference.parse(text)


@given(st.text(max_size=60) | st.from_regex(r"\A[a-z.:/@-]{1,60}\Z"))
def test_any_text_is_an_image_or_none(text: str) -> None:
    try:
        image = ImageReference.parse(text)
    except ImageError:
        return
    again = f"{image.registry}/" * bool(image.registry) + image.path + f":{image.tag}" * bool(image.tag)
    assert again + f"@{image.digest}" * bool(image.digest) == text
