"""Features of pixels, how they are scaled, and what else is known of pixels."""
