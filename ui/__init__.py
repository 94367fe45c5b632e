"""The console: what is in the store, in a browser."""
