"""Features: a picture described cell by cell by a network that was trained on other pictures."""
