"""Source files that people write: bytes in, model out, every problem at once. Pure."""
