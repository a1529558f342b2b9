"""Embeddings: what an encoder is given, what it learns, and the vectors of all pixels."""
