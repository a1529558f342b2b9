"""How well vectors predict what is known of the pixels."""
