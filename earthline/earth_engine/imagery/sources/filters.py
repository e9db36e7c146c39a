"""Images chosen by their properties."""

from collections.abc import Mapping
from typing import Any

import ee

from earthline.config.sections.imagery import Comparison


def matching(images: Any, filters: Mapping[str, Any]) -> Any:
    """An `ee.ImageCollection` of those images alone whose properties are as the config says.

    Args:
        images: The collection.
        filters: Values or comparisons by property.
    """
    for name, wanted in filters.items():
        if not isinstance(wanted, Comparison):
            images = images.filter(ee.Filter.eq(name, wanted))
            continue
        # The client makes `not greater than` of lte, which images without the property pass as well.
        images = images.filter(ee.Filter.notNull([name]))
        for key in ("lt", "lte", "gt", "gte"):
            limit = getattr(wanted, key)
            if limit is not None:
                images = images.filter(getattr(ee.Filter, key)(name, limit))
        if wanted.among is not None:
            images = images.filter(ee.Filter.inList(name, list(wanted.among)))
    return images
