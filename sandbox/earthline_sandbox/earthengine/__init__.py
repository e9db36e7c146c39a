"""Earth Engine's REST API, an evaluator of its expression graphs over local rasters, and its catalogue."""
