"""Terms of losses, by subject; pure functions of tensors. Vectors are (batch, latent), float32."""
