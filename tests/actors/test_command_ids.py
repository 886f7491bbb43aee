"""Ids that are made here: UUIDs of version 7, unique, in the order of time."""

from uuid import UUID

from twofold.actors.command_ids import new_command_id


def test_they_are_unique_uuids_of_version_7() -> None:
    made = [new_command_id() for _ in range(10_000)]
    assert len(set(made)) == 10_000
    assert all(str(UUID(each)) == each for each in made)
    assert {UUID(each).version for each in made} == {7}
    assert {UUID(each).variant for each in made} == {"specified in RFC 4122"}


def test_their_first_part_grows_with_time() -> None:
    made = [new_command_id()[:13] for _ in range(10_000)]
    assert made == sorted(made)
