"""Who executes: this process, threads, worker processes, Ray, or a replay of what is on record."""
