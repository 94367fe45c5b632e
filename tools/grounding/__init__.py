"""Grounding: is the thing that was named really there, and where."""
