"""Evaluation: how well vectors predict the known classes and quantities of pixels."""
