"""Grounding: where the thing is that was named, if it is there at all."""
