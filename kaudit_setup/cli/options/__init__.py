"""Options that several commands take, each written once."""
