"""Speed, as ratios side by side."""
