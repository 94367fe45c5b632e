"""Fitting a monitor from cases of known truth."""
