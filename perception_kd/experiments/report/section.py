"""What a page is made of.

A further section is a function that returns a :class:`Section`, a template of its name
in ``templates/``, a place in the list of ``page.write_report``, and, where it has a
payload, a script of ``static/`` in ``page.SCRIPTS``.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Section:
    """One part of the page: a template of ``templates/``, and what it is filled with.

    Attributes:
        name: Anchor of the section, and name of its template.
        title: Its heading.
        content: Variables of the template.
        payload: What the page's scripts read, as JSON; None where they need nothing.
        missing: What there was no data for, and why, in sentences.
    """

    name: str
    title: str
    content: dict[str, Any] = field(default_factory=dict)
    payload: Any = None
    missing: tuple[str, ...] = ()
