"""The attribute-agreement study: inspectors against themselves, each other, the truth."""
