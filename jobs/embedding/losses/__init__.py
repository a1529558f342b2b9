"""Losses, by subject, and their registry; terms are pure functions. Vectors are (batch, latent), float32."""
