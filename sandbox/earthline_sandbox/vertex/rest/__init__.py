"""Routes, messages, names, records and operations that all resources share."""
