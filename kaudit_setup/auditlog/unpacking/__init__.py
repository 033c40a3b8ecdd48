"""From the bytes of a file to its text: unpacked (`compression`), and in UTF-8 (`encodings`), as a stream."""
