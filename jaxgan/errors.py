"""The one exception for what a user can mend."""


class UserError(Exception):
    """Something the user can mend. The message is one line: what is wrong, and what to do."""
