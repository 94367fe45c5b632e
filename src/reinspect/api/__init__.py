"""Pictures over HTTP: verdicts for lines that push them."""
