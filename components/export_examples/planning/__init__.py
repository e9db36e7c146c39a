"""Which patches a run takes: splits of the ground, points of the labels, and the plan of both."""
