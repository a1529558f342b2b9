"""Granules of one (month, tod) into packed observations or moments."""
