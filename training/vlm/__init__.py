"""Training a vision-language model as critic: warm start, then RCRL."""
