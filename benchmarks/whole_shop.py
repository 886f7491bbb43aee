"""The shop's domain with its effects, for the parties that are measured with them on."""

from twofold import App, Config
from twofold.runtime.config import AppSettings, load_domain

__all__ = ["whole_shop"]


def whole_shop() -> App:
    """Return the shop's App, all of its parts imported.

    They are imported here and not at the top: parts register with the one App of the process, so that a party which is
    measured without effects must not so much as import them.
    """
    return load_domain(Config(app=AppSettings(domain="examples.shop.domain:app")), App)
