"""`lake explore`: a page that reads a lake by itself, served here or written for any static host.

The page consists of the files in `static/` and `built/`. `npm run build` in `page/` makes the latter of
the sources there.
"""
