"""Records that hold lists of events, or of records with an event each: EventList, CloudWatch, Loki."""
