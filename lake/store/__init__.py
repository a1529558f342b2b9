"""The half that writes: commits, ledgers, manifests, shards, and how a generation comes about."""
