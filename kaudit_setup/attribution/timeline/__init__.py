"""What happened to objects over time, and who is behind each step: what an answer says in one sentence, as values."""
