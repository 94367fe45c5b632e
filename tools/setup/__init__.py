"""Whether a picture is of the scene that was learned from the references."""
