"""REST methods that compute: values, pixels, features, map tiles, thumbnails and downloads."""

import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from starlette.routing import Route

from earthline_sandbox.earthengine.catalogue.names import id_of, name_of
from earthline_sandbox.earthengine.computation import Stopped
from earthline_sandbox.earthengine.evaluation.evaluation import Evaluator
from earthline_sandbox.earthengine.formats import films, rendering, tables
from earthline_sandbox.earthengine.language import results
from earthline_sandbox.earthengine.limits import Limits
from earthline_sandbox.earthengine.rest.dispatch import Call, Dispatcher, unsupported
from earthline_sandbox.earthengine.values.values import Collection, Feature, Image
from earthline_sandbox.errors import invalid, not_found
from earthline_sandbox.responses import JsonResponse

_KEPT = 2_000
_PAGE = 1_000
_FILMS = ("videoThumbnails", "filmstripThumbnails")


@dataclass
class Rendering:
    """A map, thumbnail or table that was created and may be fetched.

    Attributes:
        kind: `maps`, `thumbnails`, `videoThumbnails`, `filmstripThumbnails` or `tables`.
        value: The image, collection or frames.
        request: The body that created it.
        make: Makes the value anew.
        broken: Whether a computation was cut off while it used the value: collections are computed as far as somebody
            looked, and cannot go on from where that ended.
    """

    kind: str
    value: Any
    request: Mapping[str, Any]
    make: Callable[[], Any]
    broken: bool = False


class Renderings:
    """What was created, by name; the oldest are forgotten first, as Earth Engine's expire."""

    def __init__(self) -> None:
        """Starts empty."""
        self._kept: OrderedDict[str, Rendering] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, project: str, rendering: Rendering) -> str:
        """Keeps it, and gives its REST name."""
        name = f"projects/{project}/{rendering.kind}/{uuid.uuid4().hex}"
        with self._lock:
            self._kept[name] = rendering
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return name

    def get(self, call: Call, kind: str) -> Rendering:
        """The one that a path names; raises NOT_FOUND."""
        name = f"projects/{call.project}/{kind}/{call.path['id']}"
        found = self._kept.get(name)
        if found is None:
            raise not_found(f"'{name}' was not found; it was created long ago, or by another sandbox. Create it again.")
        return found

    @contextmanager
    def use(self, call: Call, kind: str) -> Iterator[Rendering]:
        """The one that a path names, whole; raises NOT_FOUND."""
        found = self.get(call, kind)
        if found.broken:
            found.value, found.broken = found.make(), False
        try:
            yield found
        except Stopped:
            found.broken = True
            raise

    def clear(self) -> None:
        """Forgets all."""
        with self._lock:
            self._kept.clear()


class PixelRoutes:
    """The routes of value, image, table, maps, thumbnails and tables."""

    def __init__(self, evaluator: Evaluator, limits: Limits) -> None:
        """Computes with one evaluator."""
        self._evaluator = evaluator
        self._limits = limits
        self.renderings = Renderings()

    def routes(self, dispatcher: Dispatcher) -> list[Route]:
        """All of them; put before those of assets, whose names may end in anything."""
        project, route = "projects/{project}", dispatcher.route
        found = [
            route("POST", f"{project}/value:compute", self._value, compute=True),
            route("POST", f"{project}/image:computePixels", self._pixels, compute=True),
            route("POST", f"{project}/table:computeFeatures", self._features, compute=True),
            route("POST", project + "/assets/{asset:path}:getPixels", self._asset_pixels, compute=True),
            route("POST", f"{project}/maps", self._create_map, compute=True),
            route("GET", project + "/maps/{id}/tiles/{zoom:int}/{x:int}/{y:int}", self._tile, compute=True),
            route("POST", f"{project}/thumbnails", self._create_thumbnail, compute=True),
            route("GET", project + "/thumbnails/{id}:getPixels", self._thumbnail, compute=True),
            route("POST", f"{project}/tables", self._create_table, compute=True),
            route("GET", project + "/tables/{id}:getFeatures", self._table, compute=True),
        ]
        for kind in _FILMS:
            found.append(route("POST", f"{project}/{kind}", partial(self._create_film, kind), compute=True))
            found.append(route("GET", f"{project}/{kind}/{{id}}:getPixels", partial(self._film, kind), compute=True))
        for path, what in (
            ("featureView", "A FeatureView"),
            ("imageCollection:computeImages", "imageCollection:computeImages"),
        ):
            found.append(route("POST", f"{project}/{path}", unsupported(what)))
            found.append(route("GET", f"{project}/{path}/{{id}}:getPixels", unsupported(what)))
        return found

    def _value(self, call: Call) -> Any:
        value = self._evaluator.evaluate(call.section("expression"))
        answer = JsonResponse({"result": self._evaluator.to_json(value)})
        self._limits.check_value(len(answer.body))
        return answer

    def _image(self, call: Call) -> Image:
        image = self._evaluator.image_of(self._evaluator.evaluate(call.section("expression")))
        return rendering.selected(image, call.body.get("bandIds"))

    def _pixels(self, call: Call) -> Any:
        return self._answer(self._image(call), call)

    def _asset_pixels(self, call: Call) -> Any:
        name = name_of(f"projects/{call.project}/assets/{call.path['asset']}")
        # The graph that a client would send: assets are loaded in one place only.
        expression = {
            "result": "0",
            "values": {
                "0": {
                    "functionInvocationValue": {
                        "functionName": "Image.load",
                        "arguments": {"id": {"constantValue": id_of(name)}},
                    }
                }
            },
        }
        image = self._evaluator.image_of(self._evaluator.evaluate(expression))
        return self._answer(rendering.selected(image, call.body.get("bandIds")), call)

    def _answer(self, image: Image, call: Call) -> tuple[bytes, str]:
        file_format = str(call.body.get("fileFormat") or "AUTO_JPEG_PNG")
        grid = rendering.request_grid(image, call.body.get("grid"))
        options = call.body.get("visualizationOptions")
        return rendering.answer(image, grid, file_format, visualization=options, limits=self._limits)

    def _features(self, call: Call) -> Any:
        value = self._evaluator.evaluate(call.section("expression"))
        token = str(call.body.get("pageToken") or "0")
        if not token.isdigit():
            raise invalid(f"Invalid pageToken '{token}'.")
        start, size = int(token), call.number("pageSize") or _PAGE
        members = list(islice(_collection(value), start, start + size + 1))
        answer: dict[str, Any] = {
            "type": "FeatureCollection",
            "features": [self._feature(member, start + number) for number, member in enumerate(members[:size])],
        }
        if len(members) > size:
            answer["nextPageToken"] = str(start + size)
        return answer

    def _feature(self, member: Any, number: int) -> dict[str, Any]:
        if not isinstance(member, Feature):
            raise invalid("table:computeFeatures: Expected a FeatureCollection; the collection holds other elements.")
        shown = results.feature_json(member, self._evaluator.limits)
        return {"id": str(number), **shown}

    def _create_map(self, call: Call) -> Any:
        image = self._image(call)
        return self._created(call, Rendering("maps", image, call.body, partial(self._image, call)))

    def _tile(self, call: Call) -> Any:
        with self.renderings.use(call, "maps") as found:
            options = found.request.get("visualizationOptions") or {}
            place = (int(call.path["zoom"]), int(call.path["x"]), int(call.path["y"]))
            return rendering.tile(found.value, *place, options), "image/png"

    def _create_thumbnail(self, call: Call) -> Any:
        image = self._image(call)
        grid = rendering.native_grid(image)
        # Refused here, where the client shows the reason, rather than when a browser fetches the address.
        self._limits.check_pixels(grid.shape, rendering.pixel_bytes(image.bands), download=True)
        return self._created(call, Rendering("thumbnails", image, call.body, partial(self._image, call)))

    def _thumbnail(self, call: Call) -> Any:
        with self.renderings.use(call, "thumbnails") as found:
            return rendering.answer(
                found.value,
                rendering.native_grid(found.value),
                str(found.request.get("fileFormat") or "AUTO_JPEG_PNG"),
                visualization=found.request.get("visualizationOptions"),
                limits=self._limits,
                download=True,
                filename=_filename(found.request.get("filenamePrefix")),
            )

    def _create_film(self, kind: str, call: Call) -> Any:
        return self._created(call, Rendering(kind, self._frames(call), call.body, partial(self._frames, call)))

    def _frames(self, call: Call) -> Any:
        return films.frames_of(self._evaluator.evaluate(call.section("expression")), self._limits)

    def _film(self, kind: str, call: Call) -> Any:
        with self.renderings.use(call, kind) as found:
            colors = found.request.get("visualizationOptions") or {}
            if kind == "videoThumbnails":
                return films.animation(found.value, colors, found.request.get("videoOptions") or {}), "image/gif"
            return films.strip(found.value, colors, str(found.request.get("fileFormat")))

    def _create_table(self, call: Call) -> Any:
        return self._created(call, Rendering("tables", self._members(call), call.body, partial(self._members, call)))

    def _members(self, call: Call) -> Collection:
        return _collection(self._evaluator.evaluate(call.section("expression")))

    def _table(self, call: Call) -> Any:
        with self.renderings.use(call, "tables") as found:
            features = [self._feature(member, number) for number, member in enumerate(found.value)]
            file_format = str(found.request.get("fileFormat") or "CSV")
            return tables.encode(features, file_format, found.request.get("selectors")), tables.FORMATS[file_format]

    def _created(self, call: Call, made: Rendering) -> Any:
        return {"name": self.renderings.add(call.project, made)}


def _collection(value: Any) -> Collection:
    if isinstance(value, Feature):
        return Collection(elements=[value])
    if not isinstance(value, Collection):
        raise invalid("table:computeFeatures: Expected a value of type FeatureCollection.")
    return value


def _filename(prefix: Any) -> str:
    kept = "".join(letter for letter in str(prefix or "") if letter.isalnum() or letter in "-_.")
    return kept.strip(".") or "download"
