"""What vLLM's processes run as they start, so that a CPU build of torch does for inference."""
