"""Coast lines and borders, from a small file of the package, for figures and for the page of the explorer."""
