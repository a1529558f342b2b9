"""What is to be measured, as a TOML file, and which files that needs."""
