"""The strict reader of settings, on sections of the test's own."""

from pathlib import Path
from typing import Annotated

import pytest
from msgspec import Meta, Struct
from twofold.runtime.secrets import Secret
from twofold.runtime.settings import ConfigError, given_by_environment, given_by_table, read_sections


class Mail(Struct, frozen=True):
    port: Annotated[int, Meta(ge=1, le=65535)] = 587
    verify: bool = True
    host: str = "localhost"
    rate: float = 1.0
    outbox: Path = Path("outbox")
    password: Secret | None = None


class Limits(Struct, frozen=True):
    depth: int = 32


class Sections(Struct, frozen=True):
    mail: Mail = Mail()
    limits: Limits = Limits()


def read(table: dict[str, object], environ: dict[str, str] | None = None) -> Sections:
    environ = environ or {}
    given = [*given_by_table(table, "site.toml", Path("/etc/site")), *given_by_environment(environ, Path("/here"))]
    return read_sections(Sections, given, environ)


def problems(table: dict[str, object], environ: dict[str, str] | None = None) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as raised:
        read(table, environ)
    return raised.value.problems


def test_nothing_given_is_all_defaults() -> None:
    assert read({}) == Sections()
    assert read({"mail": {}}) == Sections()


def test_all_that_is_wrong_is_named_at_once_with_its_place() -> None:
    found = problems(
        {"mail": {"prot": 25, "verify": "yes", "port": 0}, "mial": {"port": 25}, "limits": 3},
        {"TWOFOLD_LIMITS__DEPTH": "deep"},
    )
    assert found == (
        "site.toml: mail.prot: there is no setting prot in [mail]. Did you mean port?",
        "site.toml: mail.verify: Expected `bool`, got `str`.",
        "site.toml: mail.port: Expected `int` >= 1.",
        "site.toml: mial.port: there is no section mial. Did you mean mail?",
        "site.toml: limits: limits is a section. Give its settings, below it.",
        "TWOFOLD_LIMITS__DEPTH: Expected `int`, got `str`.",
    )


def test_a_name_that_is_near_to_none_is_answered_with_all_of_them() -> None:
    assert problems({"limits": {"xyz": 1}}) == (
        "site.toml: limits.xyz: there is no setting xyz in [limits]. Known are: depth.",
    )


@pytest.mark.parametrize(
    "value", [{"port": "25"}, {"port": 25.0}, {"port": True}, {"verify": 1}, {"rate": "2.5"}, {"host": 1}]
)
def test_a_value_of_another_type_is_refused(value: dict[str, object]) -> None:
    assert len(problems({"mail": value})) == 1


def test_a_variable_stands_for_the_value_that_its_text_spells() -> None:
    environ = {
        "TWOFOLD_MAIL__PORT": "25",
        "TWOFOLD_MAIL__VERIFY": "false",
        "TWOFOLD_MAIL__RATE": "2.5",
        "TWOFOLD_MAIL__HOST": "25",
    }
    mail = read({"mail": {"port": 26}}, environ).mail
    assert (mail.port, mail.verify, mail.rate, mail.host) == (25, False, 2.5, "25")


@pytest.mark.parametrize("text", ["", " 25", "0x19", "2_5", "\u0662\u0665"])
def test_a_variable_that_spells_no_number_is_refused(text: str) -> None:
    assert problems({}, {"TWOFOLD_MAIL__PORT": text}) == ("TWOFOLD_MAIL__PORT: Expected `int`, got `str`.",)


def test_an_unknown_variable_is_refused_by_its_name_and_others_are_left_alone() -> None:
    found = problems({}, {"TWOFOLD_MAIL__PROT": "1", "TWOFOLD_DEBUG": "1", "TWOFOLD_MAIL": "x", "PATH": "/bin"})
    assert found == (
        "TWOFOLD_DEBUG: there is no section debug. Known are: limits, mail.",
        "TWOFOLD_MAIL: mail is a section. Give its settings, TWOFOLD_MAIL__PORT.",
        "TWOFOLD_MAIL__PROT: there is no setting prot in [mail]. Did you mean port?",
    )


def test_a_setting_in_the_place_of_a_section_is_told_where_it_belongs() -> None:
    assert problems({"port": 25}) == ("site.toml: port: there is no section port. port belongs below [mail].",)
    assert problems({}, {"TWOFOLD_MAIL_PORT": "25"}) == (
        "TWOFOLD_MAIL_PORT: there is no section mail_port. Did you mean TWOFOLD_MAIL__PORT, with two underscores?",
    )


def test_a_value_that_is_overruled_is_checked_all_the_same() -> None:
    assert len(problems({"mail": {"port": "x"}}, {"TWOFOLD_MAIL__PORT": "25"})) == 1


def test_a_section_that_is_unknown_is_refused_also_when_it_is_empty() -> None:
    assert problems({"mial": {}}) == ("site.toml: mial: there is no section mial. Did you mean mail?",)


def test_a_quoted_key_with_a_dot_is_no_way_into_a_section() -> None:
    assert problems({"mail.port": 25}) == ("site.toml: mail.port: there is no section mail.port. Did you mean mail?",)


def test_a_relative_path_starts_where_it_was_given() -> None:
    assert read({"mail": {"outbox": "out"}}).mail.outbox == Path("/etc/site/out")
    assert read({}, {"TWOFOLD_MAIL__OUTBOX": "out"}).mail.outbox == Path("/here/out")
    assert read({"mail": {"outbox": "/var/out"}}).mail.outbox == Path("/var/out")
    assert problems({"mail": {"outbox": ""}}) == ("site.toml: mail.outbox: Expected a path.",)


def test_a_setting_can_be_a_secret_and_is_shown_without_its_value() -> None:
    sections = read({"mail": {"password": {"env": "SMTP"}}}, {"SMTP": "hunter2"})
    assert sections.mail.password is not None
    assert sections.mail.password.reveal() == "hunter2"
    assert "hunter2" not in repr(sections)


def test_a_secret_written_in_the_open_is_refused_without_showing_it() -> None:
    (found,) = problems({"mail": {"password": "hunter2"}})
    assert "never the value itself" in found
    assert "hunter2" not in found
