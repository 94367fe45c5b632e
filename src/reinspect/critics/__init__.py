"""Critics by name: a registry of what was trained, on what, with which result."""
