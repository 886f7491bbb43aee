"""What is written about the settings is what their types say."""

from pathlib import Path

import pytest

from tests.docs.generate_configuration import REPOSITORY, WRITTEN


@pytest.mark.parametrize("file", WRITTEN, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_what_is_written_from_the_settings_types_is_up_to_date(file: Path) -> None:
    is_up_to_date = file.read_text(encoding="utf-8") == WRITTEN[file]()
    assert is_up_to_date, f"{file.name} is not what the types say. Run: python -m tests.docs.generate_configuration"
