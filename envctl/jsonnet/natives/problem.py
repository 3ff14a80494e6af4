"""What a native function says when it cannot do its work."""


class NativeError(Exception):
    """An argument cannot be used; the message says which one and why, `hint` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
