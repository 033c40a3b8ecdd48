"""One request to the API server stand-in: what it asks for, who may do it, and how it is counted."""
