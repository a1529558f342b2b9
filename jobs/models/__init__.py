"""Encoders, one small file each."""
