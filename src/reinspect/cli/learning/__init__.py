"""The command line of what is learned: monitors, critics, their training data."""
