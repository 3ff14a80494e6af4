"""The commands of the README and the tutorial, run as they stand there."""

from pathlib import Path

import pytest

from tests.docs.tours import Edit, File, Step, Tour, run, tours
from tests.functional.conftest import ROOT, Workspace, new_workspace

PAGES = ("README.md", "docs/tutorial.md", "docs/release-week.md")
TOURS = [
    pytest.param(page, each, id=f"{page} {number}")
    for page in PAGES
    for number, each in enumerate(tours((ROOT / page).read_text()), start=1)
]


@pytest.mark.parametrize(("page", "tour"), TOURS)
def test_the_commands_of_a_page_do_what_it_says(
    request: pytest.FixtureRequest, tmp_path: Path, page: str, tour: Tour
) -> None:
    """In their order: each ends as it should and prints what the page prints."""
    workspace = new_workspace(tmp_path / "own") if tour.from_nothing else request.getfixturevalue("sample")
    for part in tour.parts:
        match part:
            case Edit(file, old, new):
                workspace.edit(file, old, new)
            case File(path, content):
                workspace.write(path, content)
            case Step():
                see(workspace, part, page)


def see(workspace: Workspace, step: Step, page: str) -> None:
    outcome = run(workspace, step)
    assert outcome.code in step.codes, (step.command, outcome)
    output = f"{outcome.out}{outcome.err}".strip("\n") + "\n"
    assert step.fits(output), f"{page}: $ {step.command}\n{output}"


def test_the_tours_are_found() -> None:
    """A mark that is spelt wrong must not take commands out of the tests."""
    steps = [sum(isinstance(part, Step) for part in each.values[1].parts) for each in TOURS]
    assert [each.id for each in TOURS] == [
        "README.md 1",
        "docs/tutorial.md 1",
        "docs/tutorial.md 2",
        "docs/release-week.md 1",
    ]
    assert min(steps) >= 4


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
