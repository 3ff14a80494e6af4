"""What a build tells, and how it fails."""

from pathlib import Path

import pytest

from envctl.devcluster.gobuild import Steps, build_error, go_environment, version_of


def test_progress_counts_modules_then_packages() -> None:
    """One line at most every half second, with the time that passed."""
    steps = Steps("etcd 3.6.7")
    told = []
    for line, now in [
        ("go: downloading go.etcd.io/bbolt v1.4.2", 0.0),
        ("go: downloading go.uber.org/zap v1.27.0", 0.2),
        ("", 61.5),
    ]:
        told.append(str(steps) if steps.take(line, now) else "")
    steps.packages = 565
    for line, now in [("internal/abi", 61.6), ("runtime", 62.3), ("runtime", 62.4)]:
        told.append(str(steps) if steps.take(line, now) else "")
    assert told == [
        "",
        "",
        "building etcd 3.6.7: 2 Go modules fetched, 1:01 min",
        "",
        "building etcd 3.6.7: 2 of 565 packages compiled, 1:02 min",
        "",
    ]
    assert list(steps.complaints) == []


def test_complaints_are_kept_without_the_packages_around_them() -> None:
    """The error shows the last thirty lines that say something."""
    steps = Steps("tiny 1.0.0")
    for line in ["runtime", "# example.dev/tiny", "./main.go:5:2: undefined: x", "go: downloading a v1.0.0"]:
        steps.take(line, 0)
    assert list(steps.complaints) == ["# example.dev/tiny", "./main.go:5:2: undefined: x"]
    for number in range(40):
        steps.take(f"line {number}", 0)
    assert len(steps.complaints) == 30
    assert steps.complaints[0] == "line 10"


@pytest.mark.parametrize(
    ("code", "tail", "hint"),
    [
        pytest.param(
            -9,
            "",
            "the compiler was killed; with little memory, set GOMAXPROCS=1 and try again",
            id="out of memory",
        ),
        pytest.param(
            1,
            "write /tmp/a.o: no space left on device",
            "builds need about 5 GB in Go's caches (`go env GOCACHE GOMODCACHE`) and 1 GB in the cache folder",
            id="disk full",
        ),
        pytest.param(
            1,
            "dial tcp: lookup example.dev: no such host",
            "the build reads Go modules from the network; behind a proxy, set GOPROXY and HTTPS_PROXY",
            id="no network",
        ),
        pytest.param(
            1,
            "verifying example.dev/tiny@v1.0.0: checksum mismatch",
            "a Go module differs from its pinned hash; check GOPROXY, and do not use what it served",
            id="another module than pinned",
        ),
        pytest.param(
            2,
            "x.go:1:1: oh",
            "run it again; if it fails in the same way, report it with these lines",
            id="else",
        ),
    ],
)
def test_a_failed_build_says_what_to_do(code: int, tail: str, hint: str) -> None:
    """The hint is read off the compiler's last words."""
    error = build_error("tiny 1.0.0", code, [tail])
    assert str(error) == f"building tiny 1.0.0 failed (exit code {code}):\n{tail}\nhint: {hint}"


def test_a_build_is_for_this_machine_and_for_this_module_only() -> None:
    """Proxies and caches of the user stay, targets and workspaces do not."""
    given = {"GOPROXY": "https://proxy.example.com", "GOOS": "windows", "GOWORK": "/w", "PATH": "/bin"}
    assert go_environment(given, Path("/t")) == {
        "CGO_ENABLED": "0",
        "GO111MODULE": "on",
        "GOPROXY": "https://proxy.example.com",
        "GOTMPDIR": "/t",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "PATH": "/bin",
    }


@pytest.mark.parametrize(
    ("script", "version"),
    [
        pytest.param("echo Kubernetes v1.35.4", "1.35.4", id="on standard output"),
        pytest.param("echo tiny v1.2.3 >&2", "1.2.3", id="on standard error"),
        pytest.param("echo v1.2.3; exit 1", "", id="a program that fails has none"),
        pytest.param("echo hello", "", id="a program that tells none"),
    ],
)
def test_a_program_is_asked_for_its_version(tmp_path: Path, script: str, version: str) -> None:
    """What cannot be run has no version."""
    program = tmp_path / "program"
    assert version_of(program) == ""
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    assert version_of(program) == version
