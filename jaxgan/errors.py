"""Errors that a user can fix."""


class UserError(Exception):
    """An error that the user can fix. The message says in one line what is wrong and what to do."""


class ImageError(Exception):
    """A file that cannot be used as an image. The message says why."""
