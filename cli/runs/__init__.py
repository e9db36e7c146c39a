"""Commands that do what a config says, now or on a schedule, and that look after the runs."""
