"""What commands do before and as a run starts: where calls go, questions to Earth Engine, the submission."""
