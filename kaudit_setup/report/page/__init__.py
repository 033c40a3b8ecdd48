"""The report: one HTML file that shows a log, without a network, and that can be handed on as evidence."""
