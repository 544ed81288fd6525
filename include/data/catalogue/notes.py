"""Tags and descriptions that people give assets."""

from __future__ import annotations

from collections.abc import Iterable

from include.data.catalogue.search import Asset, find
from include.ledger import Ledger
from include.settings import Settings


def annotate(
    settings: Settings,
    asset_id: str,
    by: str | None,
    description: str | None = None,
    add: Iterable[str] = (),
    remove: Iterable[str] = (),
) -> Asset:
    """Say something about an asset, and return it as it is found from now on; an audit entry tells who said it.

    Args:
        settings: owners of the assets, and the ledger.
        asset_id: an asset that there is.
        by: who says it.
        description: the new one; None leaves it.
        add: tags to add.
        remove: tags to take away.

    Raises:
        UnknownAsset: there is no such asset.
        LedgerError: the ledger cannot be reached, or refuses a tag.
    """
    find(settings, asset_id)
    Ledger(settings.ledger()).note_asset(asset_id, by, description, add, remove)
    return find(settings, asset_id)
