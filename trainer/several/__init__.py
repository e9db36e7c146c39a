"""Models that are made of others: averages, and a choice among candidates."""
