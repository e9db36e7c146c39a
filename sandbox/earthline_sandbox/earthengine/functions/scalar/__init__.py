"""Server functions of numbers, texts, dates, lists and dictionaries."""
