"""Jobs from Python: a function for each, and the run that it gives."""
