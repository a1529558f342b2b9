"""Where satellite files lie, and how they are listed and fetched."""
