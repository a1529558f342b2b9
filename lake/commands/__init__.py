"""The command `lake`, and the sub-commands that need neither `ingest` nor `jobs`."""
