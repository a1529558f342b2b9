"""Names of land masks in a listing; any other is the path or URL of a file."""

PACKAGED = "global-land-mask"
"""That of the PyPI package of this name."""
NONE = "none"
"""No mask at all."""
