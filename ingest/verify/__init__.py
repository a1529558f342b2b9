"""Whether a store is what it says: objects, invariants, and numbers computed anew."""
