"""The satellite's files as they are: names, products, calibration, quality flags, chunks."""
