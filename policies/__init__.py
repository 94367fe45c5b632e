"""Given the trace so far, what next: by hand-set rules or by numbers that were fitted."""
