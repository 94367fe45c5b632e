"""Commands that hold inspectors against each other."""
