"""How right a map is, estimated from a sample whose design is known."""
