"""What keeps a lake in order: garbage, reports of commands, metrics for Prometheus."""
