"""The two views of every pixel of a batch, by which a model learns to match them, or to rebuild one.

Pure functions of tensors, the description of the inputs and a generator. A hidden input is NaN, as a
missing one.
"""
