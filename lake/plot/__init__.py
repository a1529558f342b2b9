"""Pictures of a store, as Matplotlib figures: needs `goeslake[plot]`."""
