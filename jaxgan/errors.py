"""What goes wrong, where a user can mend it."""


class UserError(Exception):
    """Something the user can mend. The message is one line: what is wrong, and what to do."""


class ImageError(Exception):
    """A file that cannot be used as an image; the message says why."""
