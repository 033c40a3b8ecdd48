"""Where audit logs are: on this machine, or on nodes that search for themselves."""
