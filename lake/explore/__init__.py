"""`lake explore`: a page that reads a lake by itself, served here or written for any static host.

`page/` holds its sources, `site/` what `npm run build` makes of them, which is what is served.
"""
