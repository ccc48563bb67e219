"""Lists of more than one page."""

from __future__ import annotations

from typing import Any

from .errors import error

# A server whose pages never end is an error rather than a list without an end.
_MOST_PAGES = 10_000


class Pages:
    """The items of all pages, and what to ask for the next one with."""

    def __init__(self, field: str) -> None:
        self._field = field
        self._pages = 0
        self.items: list[Any] = []
        self.token = ""

    def take(self, answer: Any) -> bool:
        """Whether there is another page."""
        self.items.extend(getattr(answer, self._field))
        self._pages += 1
        if answer.next_page_token and (answer.next_page_token == self.token or self._pages >= _MOST_PAGES):
            raise error("INTERNAL", f"the server's list of {self._field} has no end")
        self.token = answer.next_page_token
        return bool(self.token)
