"""Objects below a URL: get, put, create-only put, list, copy; and Zarr through them."""
