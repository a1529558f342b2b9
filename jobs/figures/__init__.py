"""Pictures of what runs gave to the pixels of a store."""
