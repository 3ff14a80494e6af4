"""What the fault tests counted is told at the end of a run with -v."""

from collections.abc import Callable

import pytest

_COUNTED = pytest.StashKey[list[str]]()


@pytest.fixture
def counted(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Say how often something happened."""
    return request.config.stash.setdefault(_COUNTED, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The counts, for those who asked for more than dots."""
    for line in config.stash.get(_COUNTED, []) if config.getoption("verbose") >= 0 else ():
        terminalreporter.write_line(line)
