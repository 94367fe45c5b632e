"""What a run is: its plan, where its parts come from, how it is carried out, how it resumes."""
