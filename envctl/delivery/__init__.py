"""Deploy commits and promotions as data: trailers, messages, pins. Pure."""
