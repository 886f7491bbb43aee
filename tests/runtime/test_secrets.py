"""Secrets: where they are found, who may read their files, and that nothing shows them."""

import os
import pickle
import traceback
from pathlib import Path

import msgspec
import pytest
from twofold.runtime.secrets import LARGEST, SecretError, read_secret

CANARY = "hunter2-canary"


def secret_file(folder: Path, content: bytes = CANARY.encode(), mode: int = 0o600) -> Path:
    file = folder / "password"
    file.write_bytes(content)
    file.chmod(mode)
    return file


def test_a_secret_is_found_in_the_environment(tmp_path: Path) -> None:
    assert read_secret({"env": "PASSWORD"}, {"PASSWORD": CANARY}, tmp_path).reveal() == CANARY


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_secret_is_found_in_a_file_from_the_settings_folder(tmp_path: Path, mode: int) -> None:
    secret_file(tmp_path, mode=mode)
    assert read_secret({"file": "password"}, {}, tmp_path).reveal() == CANARY


def test_a_secret_is_found_among_the_credentials_that_systemd_passes(tmp_path: Path) -> None:
    secret_file(tmp_path, mode=0o440)
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert read_secret({"credential": "password"}, environ, Path("elsewhere")).reveal() == CANARY


@pytest.mark.parametrize(("content", "value"), [(b"a\n", "a"), (b"a\r\n", "a"), (b"a \n\n", "a \n"), (b" a", " a")])
def test_one_line_break_at_the_end_of_a_file_is_no_part_of_the_value(
    tmp_path: Path, content: bytes, value: str
) -> None:
    secret_file(tmp_path, content)
    assert read_secret({"file": "password"}, {}, tmp_path).reveal() == value


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o666])
def test_a_file_that_others_may_touch_is_refused_with_the_way_out(tmp_path: Path, mode: int) -> None:
    file = secret_file(tmp_path, mode=mode)
    with pytest.raises(SecretError, match=f"chmod 600 {file}"):
        read_secret({"file": "password"}, {}, tmp_path)


def test_a_folder_and_a_pipe_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name, reason in ((".", "Is a directory"), ("pipe", "is no plain file")):
        with pytest.raises(SecretError, match=reason):
            read_secret({"file": name}, {}, tmp_path)


def test_what_cannot_be_a_secret_is_refused(tmp_path: Path) -> None:
    for content, reason in (
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"x" * (LARGEST + 1), "larger than"),
        (b"\xff", "UTF-8"),
    ):
        secret_file(tmp_path, content)
        with pytest.raises(SecretError, match=reason):
            read_secret({"file": "password"}, {}, tmp_path)


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ({"env": "ABSENT"}, "ABSENT is not in the environment"),
        ({"file": "absent"}, "absent cannot be read: No such file"),
        ({"credential": "smtp"}, "LoadCredential=smtp"),
        ({"credential": "../smtp"}, "no name of a credential"),
        ({"credential": ".."}, "no name of a credential"),
        ({"env": "A", "file": "b"}, "never the value itself"),
        ({"vault": "a"}, "never the value itself"),
        ({"env": 1}, "never the value itself"),
        ({}, "never the value itself"),
        (CANARY, "never the value itself"),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused_with_the_reason(
    tmp_path: Path, reference: object, reason: str
) -> None:
    with pytest.raises(SecretError, match=reason) as raised:
        read_secret(reference, {}, tmp_path)
    assert CANARY not in str(raised.value)


def test_a_secret_shows_where_it_was_found_and_never_its_value(tmp_path: Path) -> None:
    secret = read_secret({"env": "PASSWORD"}, {"PASSWORD": CANARY}, tmp_path)
    shown = [repr(secret), str(secret), f"{secret}", f"{[secret]}", "%s" % secret]  # noqa: UP031
    assert all("env PASSWORD" in text and CANARY not in text for text in shown)


def test_a_secret_is_not_encoded_and_not_pickled(tmp_path: Path) -> None:
    secret = read_secret({"env": "PASSWORD"}, {"PASSWORD": CANARY}, tmp_path)
    with pytest.raises(TypeError) as refused:
        msgspec.json.encode(secret)
    assert CANARY not in str(refused.value)
    with pytest.raises(TypeError, match="not to be copied"):
        pickle.dumps(secret)


def test_the_error_for_a_file_of_bytes_does_not_hold_them(tmp_path: Path) -> None:
    secret_file(tmp_path, CANARY.encode() + b"\xff")
    with pytest.raises(SecretError) as raised:
        read_secret({"file": "password"}, {}, tmp_path)
    assert raised.value.__suppress_context__
    assert CANARY not in "".join(traceback.format_exception(raised.value))
