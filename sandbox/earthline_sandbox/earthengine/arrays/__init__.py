"""Arrays of numbers as values and as pixels."""
