"""What a store is: keys, the fixed grid, pixel order, statistics, and every array, declared once. Pure."""
