"""Segmentation: exactly where, as masks."""
