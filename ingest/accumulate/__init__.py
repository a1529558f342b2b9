"""Reads the granules of one (month, tod) into packed observations, or into moments."""
