"""Satellite files and legacy pickles into the lake: listing, plan, accumulation, publishing."""
