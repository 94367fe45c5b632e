"""Commands that serve a line."""
