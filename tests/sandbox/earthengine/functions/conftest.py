"""The evaluator's world for the tests of this folder; nothing goes over the wire here."""

from tests.sandbox.earthengine.world import client, world

__all__ = ["client", "world"]
