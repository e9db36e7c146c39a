"""How a sandbox is started, served, told what to do, and ended."""
