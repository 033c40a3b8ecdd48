"""Raw logs in a bucket, as log shippers leave them."""
