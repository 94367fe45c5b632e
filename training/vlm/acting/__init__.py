"""Training of a critic that acts: on whole conversations with tools, over several turns."""
