"""Examples that were made elsewhere: records are read, dealt to splits, and written as a dataset like our own."""
