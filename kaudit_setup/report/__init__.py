"""Values → text, JSON, HTML, JUnit."""
