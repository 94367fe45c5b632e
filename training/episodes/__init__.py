"""Episodes: questions with their true answers, for a critic to learn from (M3-AD-FT)."""
