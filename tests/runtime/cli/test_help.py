"""The help of every command: examples of its own, a word on every option, and the exit codes."""

from collections.abc import Iterator

import pytest
from click import Command, Context, Group, Option
from twofold.runtime.cli import main
from twofold.runtime.cli.exit_codes import ExitCode


def all_commands(group: Group, *path: str) -> Iterator[tuple[str, Command]]:
    for name, command in group.commands.items():
        if isinstance(command, Group):
            yield from all_commands(command, *path, name)
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(all_commands(main))


@pytest.mark.parametrize("name", COMMANDS)
def test_each_commands_help_has_examples_that_are_its_own(name: str) -> None:
    command = COMMANDS[name]
    help_ = command.get_help(Context(command, info_name=name))
    examples = help_.partition("Example")[2].partition("Options:")[0]
    assert f"twofold {name}" in examples
    assert {"--data", "--config"} <= set(help_.split()), "it takes a data folder and a configuration"


def test_the_main_help_lists_the_exit_codes_and_how_to_begin() -> None:
    help_ = main.get_help(Context(main, info_name="twofold"))
    for code in ExitCode:
        assert any(line.split()[:1] == [str(code.value)] for line in help_.splitlines()), code
    assert "twofold check" in help_


ASKS_A_SERVER = [name for name, command in COMMANDS.items() if "url" in (each.name for each in command.params)]


@pytest.mark.parametrize("name", ASKS_A_SERVER)
def test_who_can_ask_a_running_process_is_shown_how_first(name: str) -> None:
    command = COMMANDS[name]
    first = command.get_help(Context(command, info_name=name)).partition("Examples:")[2].strip().splitlines()[0]
    assert "--url http://" in first


@pytest.mark.parametrize("name", ["", *(name for name, command in main.commands.items() if isinstance(command, Group))])
def test_a_groups_help_has_an_example_and_cuts_no_line_short(name: str) -> None:
    group = main.commands[name] if name else main
    help_ = group.get_help(Context(group, info_name=f"twofold {name}".strip()))
    assert f"Example:\n    twofold {name}" in help_ or f"Examples:\n    twofold {name}" in help_
    assert "..." not in help_.partition("Commands:")[2]


def test_every_option_says_what_it_is_for() -> None:
    options = [option for command in COMMANDS.values() for option in command.params if isinstance(option, Option)]
    assert len(options) > 20
    assert [option.name for option in options if not option.help] == []
