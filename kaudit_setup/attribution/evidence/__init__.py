"""What the audit log shows of objects: their requests, bodies, lifetimes, actors and owner names."""
