"""All requests in classes: within one class every request meets the same rule."""
