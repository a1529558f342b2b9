"""Dask jobs on the stores of the lake: samples, PCA, embeddings, clusters, maps."""
