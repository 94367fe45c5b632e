"""What measures: verdicts of annotated parts as figures, alone or side by side."""
