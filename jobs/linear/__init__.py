"""Linear models of features: principal components, minimum noise fraction, scores."""
