"""Vision-language models as detector or monitor, over any OpenAI-compatible server."""
