"""A row that a form has no place for."""


class Unfit(Exception):
    """The row is left out and counted under `reason`; it is no error of anybody's."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
