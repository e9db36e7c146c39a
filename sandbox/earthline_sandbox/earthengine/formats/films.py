"""Collections as pictures: an animation (GIF), or a strip with one frame below the other.

https://developers.google.com/earth-engine/apidocs/ee-imagecollection-getvideothumburl and
https://developers.google.com/earth-engine/apidocs/ee-imagecollection-getfilmstripthumburl
"""

import io
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from earthline_sandbox.earthengine.formats import encoding, rendering
from earthline_sandbox.earthengine.limits import Limits
from earthline_sandbox.earthengine.values.values import Collection, Image
from earthline_sandbox.errors import invalid

_MOST_FRAMES = 1_000
_FRAMES_PER_SECOND = 10.0
#: GIF counts the time of a frame in hundredths of a second; browsers slow shorter ones down.
_FASTEST = 50.0


def frames_of(value: Any, limits: Limits) -> list[Image]:
    """The images of a collection; raises INVALID_ARGUMENT: none, too many, or too many pixels together."""
    if not isinstance(value, Collection):
        raise invalid("A film is made of an ImageCollection.")
    frames = list(islice(value, _MOST_FRAMES + 1))
    if len(frames) > _MOST_FRAMES:
        raise invalid(f"A film in the sandbox has at most {_MOST_FRAMES:,} frames; limit the collection.")
    if not frames or not all(isinstance(frame, Image) for frame in frames):
        raise invalid("A film needs at least one image, and nothing but images.")
    height, width = rendering.native_grid(frames[0]).shape
    limits.check_pixels((height, width), [len(frames) * size for size in (1, 1, 1, 1)], download=True)
    return frames


def animation(frames: Sequence[Image], visualization: Mapping[str, Any], options: Mapping[str, Any]) -> bytes:
    """A GIF that repeats for ever, on the grid of the first frame; masked pixels are black.

    Args:
        frames: Of `frames_of`.
        visualization: REST `VisualizationOptions`, for images that are not colours yet.
        options: REST `VideoOptions`; `framesPerSecond` counts.

    Raises:
        ApiError: INVALID_ARGUMENT: a speed that is none, or bands that cannot be shown.
    """
    speed = options.get("framesPerSecond", _FRAMES_PER_SECOND)
    if isinstance(speed, bool) or not isinstance(speed, int | float) or not 0.1 <= speed <= 100:
        raise invalid(f"framesPerSecond must be between 0.1 and 100, not {speed!r}.")
    first, *others = [Picture.fromarray(_opaque(colors)) for colors in _colors(frames, visualization)]
    file = io.BytesIO()
    first.save(
        file,
        "GIF",
        save_all=True,
        append_images=others,
        duration=round(1000 / min(speed, _FASTEST)),
        loop=0,
        disposal=2,
    )
    return file.getvalue()


def strip(frames: Sequence[Image], visualization: Mapping[str, Any], file_format: str) -> tuple[bytes, str]:
    """The frames one below the other, as PNG or JPEG, with its media type; raises INVALID_ARGUMENT."""
    colors = np.concatenate(_colors(frames, visualization))
    if file_format == "JPEG":
        return encoding.jpeg(colors), encoding.MEDIA_TYPES["JPEG"]
    return encoding.png(colors), encoding.MEDIA_TYPES["PNG"]


def _colors(frames: Sequence[Image], visualization: Mapping[str, Any]) -> list[NDArray[np.uint8]]:
    grid = rendering.native_grid(frames[0])
    return [
        encoding.rgba(frame.fetch(grid), [band.pixel_type for band in frame.bands], visualization) for frame in frames
    ]


def _opaque(colors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.where(colors[..., 3:] > 0, colors[..., :3], 0).astype("uint8")
