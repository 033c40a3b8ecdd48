"""What an object was, as the bodies in a log tell: each change as before and after, and the last known state.

`history` follows one object through its requests, `patching` applies patches, `normalize` leaves out what the server
writes, `redaction` takes the contents out of Secrets, `levels` says what would have been logged at a higher level.
"""
