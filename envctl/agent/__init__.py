"""The loop that keeps one cluster equal to one deploy branch."""
