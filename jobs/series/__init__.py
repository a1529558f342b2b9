"""The statistics of every pixel side by side, for readers of single pixels."""
