"""A purge is checked before anybody is asked to do it, and its names stay within the zone."""

import pytest
from twofold.actors.cdn_zone import InvalidZone, Part, Zone
from twofold.actors.purge import LARGEST_PURGE, InvalidPurge, Purge, check_purge

pytestmark = pytest.mark.timeout(30)

ZONE = Zone("https://shop.example")


@pytest.mark.parametrize(
    "purge",
    [
        Purge(),
        Purge(urls=("products",)),
        Purge(urls=("",)),
        Purge(urls=("/a b",)),
        Purge(urls=("/caf\u00e9",)),
        Purge(urls=("/a\r\nHost: x",)),
        Purge(urls=("//evil.example/x",)),
        Purge(urls=("ftp://shop.example/x",)),
        Purge(tags=("a,b",)),
        Purge(tags=("x" * 1025,)),
        Purge(prefixes=("https://shop.example/x",)),
        Purge(prefixes=("//shop.example/x",)),
        Purge(tags=tuple(map(str, range(LARGEST_PURGE + 1)))),
    ],
)
def test_a_purge_that_no_cdn_could_do_is_refused(purge: Purge) -> None:
    with pytest.raises(InvalidPurge):
        check_purge(purge)


def test_paths_are_joined_to_the_zone_and_each_thing_is_named_once() -> None:
    purge = Purge(
        urls=("/products/85123A?colour=red", "https://shop.example/products/85123A?colour=red", "http://shop.example"),
        tags=("product-85123A", "product-85123A"),
        prefixes=("/products", "www.Shop.example/products"),
        hosts=("images.shop.example",),
    )
    assert ZONE.parts(purge) == (
        Part("files", "https://shop.example/products/85123A?colour=red"),
        Part("files", "http://shop.example/"),
        Part("tags", "product-85123A"),
        Part("prefixes", "shop.example/products"),
        Part("prefixes", "www.shop.example/products"),
        Part("hosts", "images.shop.example"),
    )


def test_what_is_encoded_stays_as_it_was_written() -> None:
    purge = Purge(urls=("/caf%C3%A9/a.b/..c/...?next=/../x&y=%2e%2e",))
    assert ZONE.parts(purge) == (Part("files", "https://shop.example/caf%C3%A9/a.b/..c/...?next=/../x&y=%2e%2e"),)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        "https://notshop.example/",
        "https://shop.example.evil.example/",
        "https://shop.example@evil.example/",
        "https://user:word@shop.example/",
        "https://shop.example:443/",
        "https://shop.example:8443/",
        "https://shop.example./",
        "https://evil.example#.shop.example/",
        "https://evil.example\\.shop.example/",
        "https://evil.example%2f.shop.example/",
        "https://.shop.example/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https:///x",
        "https://?x",
        "/a/../b",
        "/..",
        "/a/./b",
        "/a/%2e%2E/b",
        "/a/.%2e/b",
        "/a%2f..%2fb",
        "/a\\b",
        "/a%5cb",
        "/a?b\\c",
        "/a#b",
        "/a?b#c",
        "/a%zz",
        "/a%2",
    ],
)
def test_a_url_outside_the_zone_or_with_a_trick_is_refused(url: str) -> None:
    with pytest.raises(InvalidPurge):
        ZONE.parts(Purge(urls=(url,)))


@pytest.mark.parametrize(
    "prefix", ["evil.example/x", "shop.example:80/x", "a@shop.example/x", "/x/../y", "/x?y", "/x#y"]
)
def test_a_prefix_outside_the_zone_or_with_a_trick_is_refused(prefix: str) -> None:
    with pytest.raises(InvalidPurge):
        ZONE.parts(Purge(prefixes=(prefix,)))


@pytest.mark.parametrize(
    "host", ["evil.example", "shop.example:80", "shop.example/x", "a@shop.example", "*.shop.example"]
)
def test_a_host_outside_the_zone_or_with_a_trick_is_refused(host: str) -> None:
    with pytest.raises(InvalidPurge):
        ZONE.parts(Purge(hosts=(host,)))


@pytest.mark.parametrize(
    "url",
    [
        "shop.example",
        "ftp://shop.example",
        "https://shop.example/path",
        "https://shop.example:8443",
        "https://user@shop.example",
        "https://localhost",
        "https://10.0.0.1",
        "https://shop.example\n",
        "https://",
    ],
)
def test_a_zone_that_is_no_plain_site_is_refused(url: str) -> None:
    with pytest.raises(InvalidZone):
        Zone(url)
