"""Pictures of a store and its runs, as files (`lake map`) and as one page (`lake report`)."""
