"""Features of pixels, how they are scaled, and labels of pixels from files."""
