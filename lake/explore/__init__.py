"""`lake explore`: a page that reads a lake by itself, served here or written for any static host.

The page is what lies in `static/` and `built/`; `npm run build` in `page/` makes the latter of its
sources there.
"""
