"""The comparator, or eye: a small network of our own that compares a part with its references."""
