"""What the evidence of an answer is worth: what clients may have chosen in it, and which servers it lacks."""
