"""What computes predictions: one interface, and the runtimes behind it.

Nothing heavy is imported before a model is loaded.
"""

from earthline.runtimes.loading import load
from earthline.runtimes.runtime import Runtime, RuntimeFault

__all__ = ["Runtime", "RuntimeFault", "load"]
