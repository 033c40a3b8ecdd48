"""The deletion of one object: the request that it was, why it came, and what a controller followed for it."""
