"""The object as its API server shows it now: what it says of itself, beside what the log says.

`metadata` reads what it says, `owners` follows its ownerReferences, `statements` puts in words what that adds to an
answer. What the living object says is always marked as such, and never takes the place of what the log says.
"""
