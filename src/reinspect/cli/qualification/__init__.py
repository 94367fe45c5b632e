"""The command line of a product: what is asked of it, not of a run."""
