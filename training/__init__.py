"""Whatever is learned: monitors, critics, the comparator, training data for models."""
