"""The floors are a linted file: .importlinter."""

from importlinter.cli import lint_imports

from tests.architecture.test_budget import ROOT


def test_imports_run_down_the_floors() -> None:
    """Every contract of .importlinter is kept."""
    assert lint_imports(config_filename=str(ROOT / ".importlinter")) == 0
