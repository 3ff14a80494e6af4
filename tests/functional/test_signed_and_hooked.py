"""Signatures and hooks through the commands: what a team's Git settings ask for holds for envctl's commits too."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.conftest import Workspace
from tests.support import keys
from tests.support.keys import GpgHome, gpg_home
from tests.support.ssh_servers import make_key

needs_gpg = pytest.mark.skipif(bool(keys.MISSING), reason=keys.MISSING or "gpg is here")


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[GpgHome]:
    with gpg_home() as made:
        monkeypatch.setenv("GNUPGHOME", str(made.path))
        yield made


def sign_with_ssh(workspace: Workspace, folder: Path) -> Path:
    """Ask for signatures with an ssh key, and say who may sign."""
    key = make_key(folder / "key")
    email = workspace.git("config", "user.email")
    (folder / "allowed").write_text(f"{email} {key.with_suffix('.pub').read_text()}")
    for name, value in {
        "commit.gpgsign": "true",
        "gpg.format": "ssh",
        "user.signingkey": str(key),
        "gpg.ssh.allowedSignersFile": str(folder / "allowed"),
    }.items():
        workspace.git("config", name, value)
    return key


def test_promotion_and_deploy_commits_are_signed_where_git_says_so(small: Workspace, tmp_path: Path) -> None:
    """git verify-commit accepts each; envctl verify finds the branches as they are to be."""
    sign_with_ssh(small, tmp_path)
    small.ok("render", "dev", "--publish")
    small.ok("promote", "dev", "prod")
    for commit in ("main", "deploy/dev", "deploy/prod"):
        small.git("verify-commit", commit)
    small.ok("verify", "dev")
    small.ok("verify", "prod")


@needs_gpg
def test_a_commit_signed_with_gpg_is_one_that_git_verifies(small: Workspace, home: GpgHome) -> None:
    """With the key of the person in Git's configuration."""
    name, email = small.git("config", "user.name"), small.git("config", "user.email")
    fingerprint = home.make_key(f"{name} <{email}>")
    small.git("config", "commit.gpgsign", "true")
    small.ok("render", "dev", "--publish")
    small.ok("promote", "dev", "prod")
    small.git("verify-commit", "main", "deploy/prod")
    assert small.git("log", "-1", "--format=%GF", "deploy/prod") == fingerprint


@pytest.mark.parametrize("arguments", [("render", "dev", "--publish"), ("promote", "dev", "prod")])
def test_nothing_moves_where_a_signature_is_required_and_none_can_be_made(
    small: Workspace, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """Writer's fault row 18: exit 1, no ref moved, no commit made, and what to do."""
    small.ok("render", "dev", "--publish")
    small.edit("components/web/main.jsonnet", "replicas: 1", "replicas: 2")
    small.commit("Change web")
    sign_with_ssh(small, tmp_path).unlink()
    refs = small.git("show-ref")
    before = small.git("rev-list", "--all", "--reflog")
    outcome = small.envctl(*arguments)
    assert outcome.code == 1
    assert "the commit cannot be signed: ssh-keygen: " in outcome.err
    assert (
        "hint: name a key that is there and needs no passphrase, or that the agent holds: ssh-add KEY"
        in outcome.err
    )
    assert (small.git("show-ref"), small.git("rev-list", "--all", "--reflog")) == (refs, before)
    assert "commit" not in small.git("fsck", "--no-reflogs", "--unreachable")
    assert small.git("status", "--porcelain") == ""


def test_a_pre_push_hook_of_this_repository_stops_a_publish_to_the_remote(
    small: Workspace, tmp_path: Path
) -> None:
    """Its words reach the user; nothing is pushed, and no branch has moved here."""
    small.git("clone", "-q", "--bare", ".", str(tmp_path / "remote.git"))
    small.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    hook = small.path / ".git/hooks/pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ncat > /dev/null\necho 'deploys are for the release robot' >&2\nexit 1\n")
    hook.chmod(0o755)
    refs = small.git("show-ref")
    outcome = small.envctl("render", "dev", "--publish", "--push")
    assert outcome.code == 1
    assert f"{hook}: the pre-push hook refused the push: deploys are for the release robot" in outcome.err
    assert small.git("show-ref") == refs
    assert small.git("ls-remote", "origin", "refs/heads/deploy/*") == ""
    hook.unlink()
    small.ok("render", "dev", "--publish", "--push")
