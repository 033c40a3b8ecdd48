"""What programs get: the envelope, its encoder, the forms that `-o` names, and the kinds with their schemas."""
