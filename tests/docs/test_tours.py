"""The commands of the README and the tutorial, run as they stand there."""

import pytest

from tests.docs.tours import Edit, Step, run, tour
from tests.functional.conftest import ROOT, Workspace


@pytest.mark.parametrize("page", ["README.md", "docs/tutorial.md"])
def test_the_commands_of_a_page_do_what_it_says(sample: Workspace, page: str) -> None:
    """In their order, on a copy of the sample: each ends as it should and prints what the page prints."""
    steps = tour((ROOT / page).read_text())
    assert any(isinstance(each, Step) for each in steps)
    for step in steps:
        if isinstance(step, Edit):
            sample.edit(step.file, step.old, step.new)
            continue
        outcome = run(sample, step)
        assert outcome.code in step.codes, (step.command, outcome)
        output = f"{outcome.out}{outcome.err}".strip("\n") + "\n"
        assert step.fits(output), f"{page}: $ {step.command}\n{output}"


@pytest.mark.parametrize(
    ("shown", "output", "fits"),
    [
        pytest.param((), "anything\n", True, id="nothing shown"),
        pytest.param(("a 1234567",), "a 89abcdef0123\n", True, id="another commit id"),
        pytest.param(("a", "…", "d"), "a\nb\nc\nd\n", True, id="lines left out"),
        pytest.param(("a", "…"), "a\n", True, id="no line left out"),
        pytest.param(("a",), "a\nb\n", False, id="a line more"),
        pytest.param(("a 1",), "a 2\n", False, id="another number"),
    ],
)
def test_output_is_compared_line_by_line(shown: tuple[str, ...], output: str, *, fits: bool) -> None:
    """Only commit ids may differ, and only an ellipsis leaves lines out."""
    assert Step("envctl status", shown).fits(output) is fits
