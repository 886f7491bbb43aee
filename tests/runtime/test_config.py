"""The settings of a deployment: where values come from, which one holds, what is refused, and the domain they name.

A `Fraction` stands in for the App: the loader is told which class it is to find.
"""

import re
import sys
import tomllib
from fractions import Fraction
from pathlib import Path

import msgspec
import pytest
from twofold import RegistrationError
from twofold.runtime.config import Config, ConfigError, DomainFailed, load_domain
from twofold.runtime.settings import is_section

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def written(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / "config.toml"
    file.write_text(text)
    return file


def problems(path: Path, environ: dict[str, str] | None = None) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as raised:
        Config.load(path, environ or {})
    return raised.value.problems


def test_without_a_file_everything_has_its_default_and_the_data_is_below_the_working_directory(tmp_path: Path) -> None:
    config = Config.load(environ={})
    assert config.file is None
    assert config.folder == tmp_path / "here"
    assert config.data.dir == tmp_path / "here" / "data"
    assert msgspec.structs.replace(config, data=Config().data, folder=Path()) == Config()


def test_a_file_in_the_working_directory_is_found(tmp_path: Path) -> None:
    file = written(tmp_path / "here", "[queries]\nreaders = 3")
    config = Config.load(environ={})
    assert (config.queries.readers, config.file, config.folder) == (3, file, tmp_path / "here")


def test_durations_and_sizes_are_read_in_their_own_words(tmp_path: Path) -> None:
    file = written(tmp_path, '[log]\nsegment_bytes = "8MiB"\nretain_bytes = 0\n[validator]\ntimeout = "250ms"')
    config = Config.load(file, {"TWOFOLD_SUPERVISION__WITHIN": "5m", "TWOFOLD_LOG__RETAIN_AGE": "0s"})
    assert (config.log.segment_bytes, config.log.retain_bytes, config.log.retain_age) == (8 << 20, 0, 0)
    assert (config.validator.timeout, config.supervision.within) == (0.25, 300)


def test_the_environment_wins_over_the_file_and_what_is_passed_wins_over_both(tmp_path: Path) -> None:
    file = written(tmp_path, "[queries]\nreaders = 3\n[handler]\nbatch = 3\n[projector]\nbatch = 3")
    environ = {"TWOFOLD_HANDLER__BATCH": "4", "TWOFOLD_PROJECTOR__BATCH": "4"}
    config = Config.load(file, environ, {"projector.batch": 5, "queries.readers": None})
    assert (config.queries.readers, config.handler.batch, config.projector.batch) == (3, 4, 5)


def test_the_environment_is_the_process_own_unless_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWOFOLD_QUERIES__READERS", "7")
    assert Config.load().queries.readers == 7
    assert Config.load(environ={}).queries.readers == Config().queries.readers


def test_the_data_folder_starts_where_it_was_named(tmp_path: Path) -> None:
    site = written(tmp_path / "site", '[data]\ndir = "kept"')
    assert Config.load(site, {}).data.dir == tmp_path / "site" / "kept"
    assert Config.load("../site/config.toml", {}).data.dir.resolve() == tmp_path / "site" / "kept"
    assert Config.load(written(tmp_path / "site", ""), {}).data.dir == tmp_path / "site" / "data"
    assert Config.load(site, {"TWOFOLD_DATA__DIR": "kept"}).data.dir == tmp_path / "here" / "kept"
    assert Config.load(site, {}, {"data.dir": "kept"}).data.dir == tmp_path / "here" / "kept"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[log]\nsegment_bytes = 1", r"log\.segment_bytes: Expected `int` >= 4096"),
        ('[log]\nsegment_bytes = "64MB"', r"log\.segment_bytes: Expected a size such as"),
        ("[log]\nretain_age = 168", r"log\.retain_age: Expected a duration such as"),
        ('[log]\nretain_age = "100000d"', r"log\.retain_age: Expected `float` <= "),
        ("[validator]\ntimeout = 1", r"validator\.timeout: Expected a duration such as"),
        ('[validator]\ntimeout = "0s"', r"validator\.timeout: Expected `float` > 0"),
        ("[validator]\nbatch = 0", r"validator\.batch: Expected `int` >= 1"),
        ("[queries]\nreaders = 65", r"queries\.readers: Expected `int` <= 64"),
        ("[queries]\nreaders = true", r"queries\.readers: Expected `int`, got `bool`"),
        ("[projecter]\nbatch = 1", r"there is no section projecter\. Did you mean projector\?"),
        ("[projector]\nbatches = 1", r"there is no setting batches in \[projector\]\. Did you mean batch\?"),
        ("file = 'x'", r"there is no section file"),
    ],
)
def test_what_is_no_setting_or_out_of_bounds_is_refused_with_its_file_and_path(
    tmp_path: Path, text: str, reason: str
) -> None:
    file = written(tmp_path, text)
    (found,) = problems(file)
    assert found.startswith(f"{file}: ")
    assert re.search(reason, found)


def test_all_problems_of_all_sources_are_named_at_once(tmp_path: Path) -> None:
    file = written(tmp_path, "[handler]\nbatch = 0\ncache = 1")
    found = problems(file, {"TWOFOLD_HANDLER__BATCHES": "1", "TWOFOLD_QUERIES__TIMEOUT": "soon"})
    assert [x.partition(": ")[0] for x in found] == [str(file)] * 2 + [
        "TWOFOLD_HANDLER__BATCHES",
        "TWOFOLD_QUERIES__TIMEOUT",
    ]


def test_a_setting_that_is_passed_and_unknown_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"data\.dri, as passed: .* Did you mean dir\?"):
        Config.load(environ={}, overrides={"data.dri": "x"})


def test_a_backoff_that_shrinks_is_refused(tmp_path: Path) -> None:
    (found,) = problems(written(tmp_path, '[supervision]\nbackoff_first = "1m"'))
    assert "backoff_first is longer" in found


def test_a_file_that_is_absent_or_no_toml_is_refused(tmp_path: Path) -> None:
    assert "absent.toml cannot be read: No such file" in problems(tmp_path / "absent.toml")[0]
    assert "is no TOML: " in problems(written(tmp_path, "[log"))[0]
    (tmp_path / "config.toml").write_bytes(b"\xff")
    assert "is no TOML: " in problems(tmp_path / "config.toml")[0]


def test_the_root_config_names_the_example_and_states_every_setting_with_its_default(tmp_path: Path) -> None:
    text = (REPOSITORY / "config.toml").read_text()
    in_force = re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE)
    as_it_is = Config.load(written(tmp_path, text), {})
    assert as_it_is.app.domain == "examples.shop.domain:app"
    assert Config.load(written(tmp_path, in_force), {}) == as_it_is
    sections = {x.name: x.type for x in msgspec.structs.fields(Config) if is_section(x.type)}
    with_examples = re.sub(r"^# +(\w+ = )", r"\1", text, flags=re.MULTILINE)
    assert {name: set(keys) for name, keys in tomllib.loads(with_examples).items()} == {
        name: set(section.__struct_fields__) for name, section in sections.items()
    }


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that holds a module `orders` with an `app`, and forget what was imported from it."""
    (tmp_path / "site" / "packaged").mkdir(parents=True)
    for module in ("orders", "packaged/orders"):
        code = "from fractions import Fraction\napp = Fraction(1)\nnumber = 1"
        (tmp_path / "site" / f"{module}.py").write_text(code)
    monkeypatch.setattr(sys, "modules", sys.modules.copy())
    return tmp_path / "site"


def load(site: Path, named: str) -> Fraction:
    return load_domain(Config.load(written(site, f'[app]\ndomain = "{named}"'), {}), Fraction)


@pytest.mark.parametrize("module", ["orders", "packaged.orders"])
def test_the_domain_is_imported_from_the_folder_of_the_settings(site: Path, module: str) -> None:
    assert load(site, f"{module}:app") == Fraction(1)
    assert str(site) not in sys.path


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        ("absent:app", "there is no module absent, neither in .*/site nor"),
        ("absent.py:app", r"Leave out the \.py\."),
        ("absent.orders:app", "there is no module absent, neither"),
        ("orders.late:app", r"there is no module orders\.late"),
        ("orders:ap", r"ap in orders is not there\. Did you mean app\?"),
        ("orders:number", r"number in orders is of the type int, and not Fraction\. Known are: app\."),
        ("packaged:app", r"No Fraction is in it; make one: app = Fraction\("),
        ("orders", 'has not the form "module:attribute"'),
        ("orders:", 'has not the form "module:attribute"'),
        ("../orders:app", 'has not the form "module:attribute"'),
    ],
)
def test_a_domain_that_is_not_there_is_refused_with_what_is(site: Path, named: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        load(site, named)
    assert str(site) not in sys.path


def test_what_the_domain_itself_lacks_or_raises_is_told_with_its_cause(site: Path) -> None:
    (site / "lacking.py").write_text("import absent_library")
    with pytest.raises(DomainFailed, match=r'"lacking:app" cannot be imported: .*absent_library') as lacking:
        load(site, "lacking:app")
    assert isinstance(lacking.value.__cause__, ModuleNotFoundError)
    (site / "raising.py").write_text("1 / 0")
    with pytest.raises(DomainFailed, match="ZeroDivisionError") as raising:
        load(site, "raising:app")
    assert isinstance(raising.value.__cause__, ZeroDivisionError)
    (site / "unregistered.py").write_text("from twofold import RegistrationError\nraise RegistrationError('as it is')")
    with pytest.raises(RegistrationError, match="as it is"):
        load(site, "unregistered:app")
    assert str(site) not in sys.path


def test_a_domain_is_asked_for_only_when_it_is_needed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"(?s)There is no config\.toml in .*\[app\]\ndomain = "):
        load_domain(Config.load(environ={}), Fraction)
    with pytest.raises(ConfigError, match=r"config\.toml names no domain"):
        load_domain(Config.load(written(tmp_path, ""), {}), Fraction)
