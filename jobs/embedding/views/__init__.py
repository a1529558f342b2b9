"""Two views of each pixel of a batch, which a model should tell to be of one pixel, or rebuild.

Pure: tensors, labels of the inputs and a generator in, tensors out. What is hidden is 0, the mean.
"""
