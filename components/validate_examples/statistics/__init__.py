"""What one pass over the examples gathers: every part can be added to another, in any order, and stays small."""
