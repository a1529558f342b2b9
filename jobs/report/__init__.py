"""The pictures of a store and its runs, as files and as one page."""
