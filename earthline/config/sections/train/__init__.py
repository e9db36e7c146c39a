"""The section `train` in parts: the model's training, its loss, and what is tried, kept and told beside it."""

from earthline.config.sections.train.section import Train

__all__ = ["Train"]
