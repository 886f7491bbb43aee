"""The way out of the process for e-mails and purges: servers where they are configured, and else a folder."""

from pathlib import Path
from typing import Protocol

from ..actors.cdn_directory import PurgeDirectory
from ..actors.cdn_purger import CdnPurger
from ..actors.cdn_settings import CdnSettings
from ..actors.cdn_zone import Zone
from ..actors.delivery import Deliverer
from ..actors.kernel.clock import Clock
from ..actors.mail_settings import MailSettings
from ..actors.mailer import open_mailer

__all__ = ["FolderOutbox", "Outbox"]


class Outbox(Protocol):
    """Makes the deliverers of e-mails and of purges, one for each consumer."""

    def mailer(self, settings: MailSettings, clock: Clock) -> Deliverer:
        """Return what e-mails leave by."""

    def purger(self, settings: CdnSettings, clock: Clock) -> Deliverer:
        """Return what purges leave by."""


class FolderOutbox:
    """Lays into `folder` what no server is configured for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._purges = PurgeDirectory(folder)  # one for all consumers: they write into the same file

    def mailer(self, settings: MailSettings, clock: Clock) -> Deliverer:
        return open_mailer(settings, self._folder, clock)

    def purger(self, settings: CdnSettings, clock: Clock) -> Deliverer:
        zone = Zone(settings.zone_url)
        if settings.provider == "directory":
            return CdnPurger(zone, self._purges, items_per_call=settings.items_per_call)
        from ..actors.cdn_cloudflare import Cloudflare  # noqa: PLC0415 - httpx loads on first use

        return CdnPurger(zone, Cloudflare(settings, clock), items_per_call=settings.items_per_call)
