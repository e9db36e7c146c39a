"""One module for each section of the config, with the section's name; `steps` is made of what the steps declare."""
