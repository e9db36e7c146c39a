"""The texts of a request where they lie: a JSON parser would copy them, which takes longer than decoding them."""

from collections.abc import Mapping

_SPACE = b" \t\r\n"
_QUOTE = b'"'
_MORE, _NEXT, _END = b",", b"},{", b"}]}"


def instances(body: bytes) -> list[Mapping[str, memoryview]] | None:
    """What SERIALIZED_TF_TENSORS sends.

    Args:
        body: A request.

    Returns:
        The texts of each instance by name, as views of the body. None where the body is anything else than
        `{"instances": [{name: text, …}, …]}` without escapes in names: a JSON parser has to read it, or to say what is
        wrong. A text that is no base64 may be read wrongly, since it may hold escapes and quotation marks: who cannot
        decode one asks a JSON parser.
    """
    start = body.find(_QUOTE)
    if body[: max(start, 0)].translate(None, _SPACE) != b"{":
        return None
    key, after, place = _text(body, start)
    if key != b"instances" or after != b":[{":
        return None
    view = memoryview(body)
    found: list[Mapping[str, memoryview]] = []
    texts: dict[str, memoryview] = {}
    length = 0
    while True:
        key, after, place = _text(body, place)
        if after != b":" or b"\\" in key:
            return None
        first = place + 1
        # Inputs are mostly of one length. To look for the end of each takes as long as to copy the body.
        last = first + length if body[first + length : first + length + 1] == _QUOTE else body.find(_QUOTE, first)
        if last < 0:
            return None
        length = last - first
        try:
            texts[key.decode()] = view[first:last]
        except UnicodeDecodeError:
            return None
        after, place = _gap(body, last)
        if after != _MORE:
            found.append(texts)
            texts = {}
        if after == _END:
            return found if place == len(body) else None
        if after not in (_MORE, _NEXT):
            return None


def _text(body: bytes, quote: int) -> tuple[bytes, bytes, int]:
    """The text behind a quotation mark, what follows it, and where the next one begins."""
    last = body.find(_QUOTE, quote + 1)
    if last < 0:
        return b"", b"", len(body)
    return body[quote + 1 : last], *_gap(body, last)


def _gap(body: bytes, quote: int) -> tuple[bytes, int]:
    """What stands between a quotation mark and the next, without spaces, and where that is; the body's end at last."""
    if body[quote + 2 : quote + 3] == _QUOTE:  # mostly it is one colon or comma
        return body[quote + 1 : quote + 2], quote + 2
    place = body.find(_QUOTE, quote + 1)
    place = len(body) if place < 0 else place
    return body[quote + 1 : place].translate(None, _SPACE), place
