"""Runs of jobs: what is computed, how it stands, and what it wrote."""
