"""Settings of the CDN that do not fit together are refused before anything starts, and the token stays unseen."""

import pytest
from twofold.actors.cdn_settings import CdnSettings, InvalidCdnSettings, check_cdn_settings

pytestmark = pytest.mark.timeout(30)

TOKEN = "canary-7f3e1b-not-a-real-one"
ZONE_ID = "0123456789abcdef0123456789abcdef"
SETTINGS = CdnSettings("cloudflare", "https://shop.test", ZONE_ID, TOKEN)


def test_the_token_is_in_no_word_about_the_settings() -> None:
    with pytest.raises(InvalidCdnSettings) as raised:
        check_cdn_settings(CdnSettings("cloudflare", zone_url="x", zone_id="y", token=f"{TOKEN} "))
    assert len(raised.value.problems) == 3
    assert "canary" not in f"{raised.value!r} {SETTINGS!r} {SETTINGS} {SETTINGS.__rich_repr__()}"


@pytest.mark.parametrize(
    ("settings", "problems"),
    [
        (CdnSettings(), 0),
        (CdnSettings("directory", "https://10.0.0.1"), 1),
        (CdnSettings("cloudflare"), 3),
        (CdnSettings("cloudflare", "https://shop.test", ZONE_ID), 1),
        (CdnSettings("cloudflare", "https://shop.test", "../../user", TOKEN), 1),
        (CdnSettings("cloudflare", "https://shop.test", ZONE_ID, f"{TOKEN}\r\nHost: x"), 1),
        (SETTINGS, 0),
    ],
)
def test_settings_that_do_not_fit_together_are_refused_with_each_problem(settings: CdnSettings, problems: int) -> None:
    if not problems:
        check_cdn_settings(settings)
        return
    with pytest.raises(InvalidCdnSettings) as raised:
        check_cdn_settings(settings)
    assert len(raised.value.problems) == problems
