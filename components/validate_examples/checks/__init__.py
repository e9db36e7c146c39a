"""What is looked for: each module is one side of the examples, and notes what it finds."""
