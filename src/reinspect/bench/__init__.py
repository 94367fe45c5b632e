"""What measures: verdicts of annotated parts as figures, alone and side by side."""
