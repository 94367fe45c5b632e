"""The numerics of the embedded expert, without knowledge of the rest."""
