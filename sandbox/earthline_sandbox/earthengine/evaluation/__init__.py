"""From an expression graph to a value; and a page of what is implemented."""
