"""A critic that takes the second look itself, by looks of its own choice over several turns."""
