"""The `Node` port, its adapters, and the POSIX sh scripts that run on nodes."""
