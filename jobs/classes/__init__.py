"""Classes of pixels: k-means of vectors, and classes learnt from labels."""
