"""Which time steps exist, on which grid, over which pixels."""
