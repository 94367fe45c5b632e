"""The embedded critic, by RCRL on explored runs."""
