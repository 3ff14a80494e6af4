"""Manners of the command line: help, exit codes, JSON, completion, what is imported."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from envctl import __version__
from envctl.cli.main import COMMANDS, cli, run
from tests.functional.conftest import Workspace

HEAVY = ("dulwich", "_gojsonnet", "kubernetes", "ruamel", "jsonschema", "yaml", "cryptography", "http.client")


def command(name: str) -> click.Command:
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_short_help_and_an_example(name: str) -> None:
    """The table of commands repeats each short help, and each help text shows how to call it."""
    found = command(name)
    assert found.get_short_help_str(200) == COMMANDS[name][1]
    assert "envctl " in (found.help or "") or isinstance(found, click.Group)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["-h"]], ids=" ".join)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    """`envctl --help` starts as fast as click does."""
    code = (
        "import sys\nfrom envctl.cli.main import run\n"
        f"run({arguments!r})\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


def test_the_version_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    """Name and version, as the package has it."""
    assert run(["--version"]) == 0
    assert capfd.readouterr().out == f"envctl {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ["rendr"], "error: No such command 'rendr'. Did you mean 'render'?", id="misspelt command"
        ),
        pytest.param(["kill"], "error: No such command 'kill'.\n", id="unknown command"),
        pytest.param(["render", "--nope"], "error: No such option '--nope'.", id="unknown option"),
        pytest.param(["blame", "dev"], "error: Missing argument 'OBJECT'.", id="missing argument"),
        pytest.param(["render", "--push"], "error: --push needs --publish", id="options that need others"),
        pytest.param(["-o", "yaml", "status"], "error: Invalid value for '-o'", id="unknown output"),
    ],
)
def test_usage_errors_end_with_2(
    arguments: list[str], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """A wrong call is told on standard error with a hint, and nothing on standard output."""
    assert run(arguments) == 2
    captured = capfd.readouterr()
    assert captured.err.startswith(message)
    assert captured.out == ""


@pytest.mark.parametrize("arguments", [[], ["dev-cluster"]], ids=["envctl", "envctl dev-cluster"])
def test_a_call_without_a_command_shows_the_help(
    arguments: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """Who types the bare name gets the help, not an error; scripts still see that nothing was done."""
    assert run(arguments) == 2
    bare = capfd.readouterr()
    assert run([*arguments, "--help"]) == 0
    assert (bare.err, bare.out) == (capfd.readouterr().out, "")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(["render", ""], ["dev", "prod", "staging"], id="environments, but no abstract one"),
        pytest.param(["render", "prod", "s"], ["staging"], id="what is named already is left out"),
        pytest.param(["promote", "dev", "staging", "-c", "g"], ["gateway"], id="components"),
        pytest.param(["history", "pr"], ["prod"], id="whose history"),
        pytest.param(["history", "prod", "-c", "g"], ["gateway"], id="the history of a component"),
        pytest.param(["blame", "st"], ["staging"], id="whom to blame"),
        pytest.param(["-C", "/nowhere", "render", ""], [], id="no repository"),
    ],
)
def test_shells_complete_names(words: list[str], expected: list[str], sample: Workspace) -> None:
    """Environments and components are completed from the folders of the repository."""
    place = [] if "-C" in words else ["-C", str(sample.path)]
    completer = ShellComplete(cli, {}, "envctl", "_ENVCTL_COMPLETE")
    found = completer.get_completions([*place, *words[:-1]], words[-1])
    assert [item.value for item in found] == expected


def test_errors_are_one_json_document_for_machines(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """With -o json the error stands where the result would be."""
    assert run(["-C", str(tmp_path), "status", "-o", "json"]) == 1
    captured = capfd.readouterr()
    assert captured.err == ""
    assert set(json.loads(captured.out)["error"]) == {"summary", "place", "hint", "exitCode", "problems"}


def test_common_options_may_stand_on_either_side(small: Workspace, capfd: pytest.CaptureFixture[str]) -> None:
    """-C and -o belong to every command; the later one wins."""
    assert run(["-o", "text", "-C", "/nowhere", "status", "-C", str(small.path), "-o", "json"]) == 0
    assert json.loads(capfd.readouterr().out)["environments"][0]["environment"] == "dev"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_program(shell: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Each script completes `envctl`."""
    assert run(["completion", shell]) == 0
    assert "_ENVCTL_COMPLETE" in capfd.readouterr().out


@click.command()
def broken() -> None:
    """A command with a bug."""
    raise ZeroDivisionError("division by zero")


def test_a_bug_ends_with_3_and_asks_for_a_report(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """What is no envctl error is told as a bug, with its place."""
    monkeypatch.setitem(COMMANDS, "broken", (f"{__name__}:broken", ""))
    assert run(["broken"]) == 3
    shown = capfd.readouterr().err
    assert shown.startswith(f"error: {__file__}:")
    assert "ZeroDivisionError: division by zero" in shown
    assert "hint: this is a bug in envctl" in shown


def test_colours_are_off_in_pipes_and_on_when_asked(small: Workspace) -> None:
    """Text in a pipe has no escape codes; --color always brings them."""
    assert "\x1b[" not in small.ok("status").out
    assert "\x1b[" in small.ok("status", "--color", "always").out


def test_a_commit_subject_cannot_speak_to_the_terminal(sample: Workspace) -> None:
    """Subjects are written by others; status and promote print them, for people and machines."""
    sample.ok("render", "dev", "--publish")
    sample.ok("promote", "dev", "staging")
    sample.edit("components/gateway/main.jsonnet", "\n", "\n// edited\n")
    sample.edit("environments/dev/environment.yaml", "dev.ai.example.com", "d.ai.example.com")
    sample.commit("Pwn \x1b]0;title\x07 \x1b[2J \x9b2J")
    sample.ok("render", "dev", "--publish")
    told = [
        sample.ok("status").out,
        sample.ok("status", "-o", "json").out,
        sample.ok("promote", "dev", "staging").out,
    ]
    assert [set(text) & {"\x1b", "\x07", "\x9b"} for text in told] == [set(), set(), set()]
    assert "Pwn \\x1b]0;title\\x07 \\x1b[2J" in told[2]


@pytest.mark.parametrize(
    ("redirection", "code", "message"),
    [
        pytest.param(">&-", 0, "", id="no standard output"),
        pytest.param("2>&-", 0, "", id="no standard error"),
        pytest.param(
            "> /dev/full", 1, "error: the output cannot be written: No space left on device\n", id="full disk"
        ),
    ],
)
@pytest.mark.parametrize("output", ["text", "json"])
def test_a_missing_or_full_output_is_no_bug(
    small: Workspace, output: str, redirection: str, code: int, message: str
) -> None:
    """Started by a daemon without streams, or writing to a full disk."""
    words = [sys.executable, "-m", "envctl", "-C", str(small.path), "render", "dev", "-o", output]
    done = subprocess.run(
        ["sh", "-c", f'"$@" {redirection}', "sh", *words], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (code, message)
