"""A refining step of this project: what a mail program adds is no part of a ticket."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from include.data.items import Item
from include.projects.content import TextContent

SIGNATURE = re.compile(r"\s-- (내 휴대폰에서 보냄|Sent from my phone)$")


def without_signature(table: Iterable[Item], form: TextContent) -> Iterator[Item]:
    """Cut the signature off; a ticket that is nothing else is left out.

    Args:
        table: items whose white space `normalise_text` has made plain.
        form: of the items.
    """
    for item in table:
        said = SIGNATURE.sub("", item.content.decode())
        if len(said) >= form.min_chars:
            yield replace(item, content=said.encode())
