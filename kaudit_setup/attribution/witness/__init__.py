"""The living object as a witness: what it says of itself, beside what the log says.

`living` reads its metadata, `chain` follows its owners, `testimony` says what that adds to an answer. What the living
object says is always marked as such, and never takes the place of what the log says.
"""
