"""The catalogue of assets: storage, ingestion and the reading of pixels."""
