"""Encoders and decoders, one small file each: (batch, inputs) to (batch, latent), and back."""
