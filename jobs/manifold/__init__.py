"""The manifold of the pixels laid flat: UMAP, by an encoder that places every pixel."""
