"""What a command's user types and sees: options, tables, progress, outcomes, errors."""
