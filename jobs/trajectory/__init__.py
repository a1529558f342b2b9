"""Trajectories: where a pixel's vector goes over the year and over the day."""
