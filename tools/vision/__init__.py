"""Vision models that run on torch: what finds by name, what segments, what embeds."""
