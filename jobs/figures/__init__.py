"""Figures of stores and of what runs gave to their pixels, with captions."""
