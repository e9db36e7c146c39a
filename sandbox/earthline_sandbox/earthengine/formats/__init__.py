"""What pixels and tables are written as, and read from."""
