"""Weights of published models: which there are, and how they get here."""
