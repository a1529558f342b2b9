"""What the commands say: results, messages, progress, logs."""
