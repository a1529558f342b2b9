"""The stores of a lake: one row each, found by what they hold."""
