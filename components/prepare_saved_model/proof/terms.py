"""The terms of the proof in the order in which they are asked, and what is found of each."""

from collections.abc import Callable
from dataclasses import dataclass

from components.prepare_saved_model.proof import graph, masks, seams, session, shapes, texts, values
from components.prepare_saved_model.proof.case import Case, Refused, Undecided, reason
from earthline.finding import Finding

LOADS = "TensorFlow 2 loads it"


@dataclass(frozen=True)
class Term:
    """One thing that has to hold.

    Attributes:
        name: In a few words.
        ask: Gives what was found; raises Refused, or Undecided for a doubt that refuses nothing.
        fix: What mends it, where `ask` does not say.
        called: Whether the SavedModel is called by its contract's names for it.
    """

    name: str
    ask: Callable[[Case], str]
    fix: str
    called: bool = True


_WRAPPER = "see components/prepare_saved_model/export.py, which makes the signatures; nothing in a config changes this"
_LAYERS = "train.model: a layer of it does not do so; choose another architecture, or mend the layer"

TERMS = (
    Term("size", graph.size, "use a smaller model", called=False),
    Term("operations", graph.operations, _LAYERS, called=False),
    Term("names", graph.names, _WRAPPER, called=False),
    Term(LOADS, lambda case: _loads(case), _LAYERS, called=False),
    Term("a session loads it", session.session, _LAYERS, called=False),
    Term("equal to the trained model", values.equality, _WRAPPER),
    Term("serialized examples", values.examples, _WRAPPER),
    Term("order of inputs", values.order, _WRAPPER),
    Term("swapped bands", values.swapped, _WRAPPER),
    Term("size of a batch", values.batches, "train.model: a layer looks at other tiles of a batch; take it out"),
    Term("repetition", values.repetition, "train.model: a layer draws at random when it predicts; take it out"),
    Term("sizes of tiles", shapes.sizes, _WRAPPER),
    Term("masked pixels", masks.masked, _WRAPPER),
    Term("tiles that are all masked", masks.wholly_masked, _WRAPPER),
    Term("pixels that are no number", masks.no_numbers, _WRAPPER),
    Term("web-safe base64", texts.alphabet, _WRAPPER),
    Term("what lies far away", seams.far_pixels, _LAYERS),
    Term("edges of tiles", seams.seams, _WRAPPER),
    Term("requests and answers", shapes.payload, "use a smaller serving.tile_shape"),
)


def findings(case: Case) -> list[Finding]:
    """What is found of every term. One that fails keeps none of the others from being asked, where they can be.

    Args:
        case: What is tried.
    """
    found: list[Finding] = []
    lacking = ""
    for term in TERMS:
        if term.called and lacking:
            found.append(Finding(term.name, None, f"not asked: {lacking}"))
            continue
        told = _asked(term, case)
        found.append(told)
        if told.passed is False and term.name in ("names", LOADS):
            lacking = "the SavedModel cannot be called by its contract's names"
    return found


def _asked(term: Term, case: Case) -> Finding:
    try:
        return Finding(term.name, True, term.ask(case))
    except Refused as error:
        return Finding(term.name, False, str(error), error.fix or term.fix)
    except Undecided as error:
        return Finding(term.name, None, str(error))
    except Exception as error:  # whatever a foreign graph raises is something that was found
        return Finding(term.name, False, f"{type(error).__name__}: {reason(error)}", term.fix)


def _loads(case: Case) -> str:
    signatures = sorted(case.served.signatures)
    return f"without Keras, with the signatures {', '.join(signatures)}"
