"""Earth Engine: the connection, tries and advice, pixels, the one imagery definition, models and assets."""
