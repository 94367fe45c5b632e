"""Verdicts for the controllers of a line, as these speak."""
