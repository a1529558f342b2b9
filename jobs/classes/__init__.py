"""Classes of pixels: clusters by k-means of vectors, and classes learnt from labels."""
