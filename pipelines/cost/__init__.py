"""What a run costs, before anything is started: requests, bytes, hours, EECU-hours, dollars."""
