"""Linear models of features: principal components, minimum noise fraction, and the scores of pixels."""
