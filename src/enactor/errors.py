"""The error family for mistakes of a user, a programmer or the machine.

What the model or the game got wrong is a result and never one of these.
"""


class EnactorError(Exception):
    """Something the user can cure. The message says what happened and what to do about it."""
