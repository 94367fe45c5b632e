"""What a store needs over the years."""
