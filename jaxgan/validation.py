"""One-line checks of hyperparameters."""


def check(holds: bool, message: str) -> None:
    """Raise ValueError with `message` unless the condition holds."""
    if not holds:
        raise ValueError(message)
