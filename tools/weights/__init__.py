"""Weights of published models: which there are, how they get here."""
