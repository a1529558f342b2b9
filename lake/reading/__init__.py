"""The half that reads: a store by label, by place, by block of pixels, and back to images."""
