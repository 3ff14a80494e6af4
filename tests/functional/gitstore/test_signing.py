"""Signed commits: git itself finds the signatures good; where none can be made, no commit is."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from envctl.errors import AccessError, EnvctlError, InputError
from tests.support import keys, ssh_servers
from tests.support.keys import GpgHome, gpg_home
from tests.support.repositories import ANN, CLEAN, Box, draft
from tests.support.ssh_servers import make_key, ssh_agent

needs_gpg = pytest.mark.skipif(bool(keys.MISSING), reason=keys.MISSING or "gpg is here")
needs_agent = pytest.mark.skipif(bool(ssh_servers.MISSING), reason=ssh_servers.MISSING or "ssh is here")
BOB = replace(ANN, name="Bob", email="bob@example.com")


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[GpgHome]:
    with gpg_home() as made:
        monkeypatch.setenv("GNUPGHOME", str(made.path))
        yield made


@pytest.fixture
def signing(full: Box) -> Box:
    """A repository in which commits are to be signed."""
    full.git("config", "commit.gpgsign", "true")
    return Box(full.path, {**CLEAN, "GNUPGHOME": os.environ.get("GNUPGHOME", "")})


def write(box: Box) -> str:
    """A commit by Bob, written by Ann's envctl."""
    made = draft(
        box.git("rev-parse", "HEAD^{tree}"), box.git("rev-parse", "HEAD"), message="signed\n\nbody\n"
    )
    return box.open().write_commit(replace(made, author=BOB, committer=BOB))


def commits(box: Box) -> str:
    return box.git("cat-file", "--batch-all-objects", "--batch-check", "--unordered")


@needs_gpg
@pytest.mark.parametrize("named", ["fingerprint", "address", "nothing"])
def test_git_verifies_what_gpg_signed(home: GpgHome, full: Box, named: str) -> None:
    """With the key that is named, or the one of the committer of the configuration, not of the commit."""
    fingerprint = home.make_key("Ann <ann@example.com>")
    box = Box(full.path, {**CLEAN, "GNUPGHOME": str(home.path)})
    box.git("config", "commit.gpgsign", "yes")
    if named != "nothing":
        box.git("config", "user.signingkey", fingerprint if named == "fingerprint" else "ann@example.com")
    commit = write(box)
    box.git("verify-commit", commit)
    assert box.git("log", "-1", "--format=%G? %GF %an %s", commit) == f"G {fingerprint} Bob signed"
    assert box.git("fsck", "--strict", "--no-dangling", commit) == ""
    read = box.open().commit(commit)
    assert (read.message, read.committer) == ("signed\n\nbody\n", BOB)


@needs_agent
@pytest.mark.parametrize("named", ["private", "public", "in place", "command"])
def test_git_verifies_what_ssh_signed(
    signing: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    """With a file of a key, a public half whose key the agent holds, or that half itself."""
    key = make_key(tmp_path / "key")
    public = key.with_suffix(".pub").read_text().strip()
    with ssh_agent(tmp_path, *([] if named == "private" else [key])) as agent:
        if named != "private":
            monkeypatch.setenv("SSH_AUTH_SOCK", agent)
            key.unlink()
        signing.git("config", "gpg.format", "ssh")
        if named == "command":
            signing.git("config", "gpg.ssh.defaultKeyCommand", f"echo 'key::{public}'")
        else:
            value = {"private": str(key), "public": f"{key}.pub", "in place": public}[named]
            signing.git("config", "user.signingkey", value)
        commit = write(signing)
    allowed = tmp_path / "allowed_signers"
    allowed.write_text(f"ann@example.com {public}\n")
    signing.git("config", "gpg.ssh.allowedSignersFile", str(allowed))
    signing.git("verify-commit", commit)
    assert signing.git("log", "-1", "--format=%G? %GS %s", commit) == "G ann@example.com signed"
    assert signing.git("fsck", "--strict", "--no-dangling", commit) == ""


def locked_gpg(box: Box, _: Path) -> None:
    home = GpgHome(Path(os.environ["GNUPGHOME"]))
    box.git("config", "user.signingkey", home.make_key("Ann <ann@example.com>", "secret"))
    home.forget_passphrases()


def removed_gpg(box: Box, _: Path) -> None:
    home = GpgHome(Path(os.environ["GNUPGHOME"]))
    fingerprint = home.make_key("Ann <ann@example.com>")
    box.git("config", "user.signingkey", fingerprint)
    home.remove_secret(fingerprint)


def no_agent_for_gpg(box: Box, _: Path) -> None:
    home = GpgHome(Path(os.environ["GNUPGHOME"]))
    box.git("config", "user.signingkey", home.make_key("Ann <ann@example.com>"))
    home.stop_agent()
    (home.path / "gpg.conf").write_text("agent-program /bin/false\n")


def absent_gpg_key(box: Box, _: Path) -> None:
    box.git("config", "user.signingkey", "DEADBEEFDEADBEEF")


def absent_program(box: Box, _: Path) -> None:
    box.git("config", "gpg.program", "/nowhere/gpg")


def silent_program(box: Box, _: Path) -> None:
    box.git("config", "gpg.program", "/bin/true")


def lying_program(box: Box, tmp_path: Path) -> None:
    program = tmp_path / "lying"
    program.write_text("#!/bin/sh\necho '[GNUPG:] SIG_CREATED D 22 8 00 1 X' >&2\necho no signature\n")
    program.chmod(0o755)
    box.git("config", "gpg.program", str(program))


def ssh_key(box: Box, key: str) -> None:
    box.git("config", "gpg.format", "ssh")
    box.git("config", "user.signingkey", key)


def absent_ssh_key(box: Box, tmp_path: Path) -> None:
    ssh_key(box, str(tmp_path / "absent"))


def locked_ssh_key(box: Box, tmp_path: Path) -> None:
    ssh_key(box, str(make_key(tmp_path / "key", "secret")))


def gone_agent(box: Box, tmp_path: Path) -> None:
    key = make_key(tmp_path / "key")
    key.unlink()
    ssh_key(box, f"{key}.pub")


def gone_agent_in_place(box: Box, tmp_path: Path) -> None:
    ssh_key(box, make_key(tmp_path / "key").with_suffix(".pub").read_text().strip())


def gpg_id_for_ssh(box: Box, _: Path) -> None:
    ssh_key(box, "DEADBEEFDEADBEEF")


def no_ssh_key(box: Box, _: Path) -> None:
    box.git("config", "gpg.format", "ssh")


def no_key_from_command(box: Box, _: Path) -> None:
    box.git("config", "gpg.format", "ssh")
    box.git("config", "gpg.ssh.defaultKeyCommand", "echo no key today >&2; exit 3")


def certificates(box: Box, _: Path) -> None:
    box.git("config", "gpg.format", "x509")


def nonsense_setting(box: Box, _: Path) -> None:
    box.git("config", "commit.gpgsign", "perhaps")


UNSIGNABLE = [
    pytest.param(locked_gpg, AccessError, "the commit cannot be signed: gpg: signing failed", marks=needs_gpg, id="gpg key locked"),
    pytest.param(removed_gpg, AccessError, "the commit cannot be signed: gpg: skipped", marks=needs_gpg, id="gpg key without its secret half"),
    pytest.param(no_agent_for_gpg, AccessError, "the commit cannot be signed: gpg: ", marks=needs_gpg, id="gpg agent gone"),
    pytest.param(absent_gpg_key, AccessError, 'skipped "DEADBEEFDEADBEEF": No secret key', marks=needs_gpg, id="gpg key missing"),
    pytest.param(absent_program, InputError, "the commit cannot be signed: the program /nowhere/gpg cannot be started: No such file or directory", id="program absent"),
    pytest.param(silent_program, AccessError, "the commit cannot be signed: true: it ended with code 0", id="a program that signs nothing"),
    pytest.param(lying_program, AccessError, "gave no openpgp signature", id="a program that says it signed"),
    pytest.param(absent_ssh_key, AccessError, "the commit cannot be signed: ssh-keygen: ", id="ssh key missing"),
    pytest.param(locked_ssh_key, AccessError, "the commit cannot be signed: ssh-keygen: ", id="ssh key locked"),
    pytest.param(gone_agent, AccessError, "the commit cannot be signed: ssh-keygen: ", id="ssh agent gone"),
    pytest.param(gone_agent_in_place, AccessError, "the commit cannot be signed: ssh-keygen: ", id="ssh agent gone, key in place"),
    pytest.param(gpg_id_for_ssh, AccessError, "the commit cannot be signed: ssh-keygen: Couldn't load public key DEADBEEFDEADBEEF", id="a gpg key for ssh"),
    pytest.param(no_ssh_key, InputError, "commits are to be signed with ssh, and no key is named", id="no ssh key"),
    pytest.param(no_key_from_command, AccessError, "the commit cannot be signed: gpg.ssh.defaultKeyCommand names no key: no key today", id="no key from the command"),
    pytest.param(certificates, InputError, "commits are to be signed as x509, which envctl cannot do", id="x509"),
    pytest.param(nonsense_setting, InputError, "Git's setting commit.gpgsign is neither on nor off: 'perhaps'", id="nonsense"),
]  # fmt: skip


@pytest.mark.parametrize(("broken", "kind", "summary"), UNSIGNABLE)
def test_what_cannot_be_signed_is_not_committed(
    broken: Callable[[Box, Path], None],
    kind: type[EnvctlError],
    summary: str,
    home: GpgHome,  # noqa: ARG001
    signing: Box,
    tmp_path: Path,
) -> None:
    """Writer's fault row 18: a key that is missing, locked, of another kind, or whose agent is gone."""
    broken(signing, tmp_path)
    before = commits(signing)
    with pytest.raises(kind) as caught:
        write(signing)
    assert summary in caught.value.summary
    assert caught.value.hint
    assert commits(signing) == before


REQUIRED = [
    pytest.param("1", id="number"),
    pytest.param("on", id="on"),
    pytest.param("YES", id="capitals"),
]


@pytest.mark.parametrize("word", REQUIRED)
def test_every_word_of_git_for_yes_requires_a_signature(full: Box, word: str) -> None:
    """A setting that is not understood would mean unsigned commits."""
    full.git("config", "commit.gpgsign", word)
    full.git("config", "gpg.format", "ssh")
    with pytest.raises(InputError, match="no key is named"):
        write(full)


def test_a_signature_is_required_wherever_git_finds_the_setting(
    full: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A conditional include of the user's file, ``GIT_CONFIG_COUNT``, and ``git -c``."""
    (tmp_path / "work").write_text("[commit]\n\tgpgsign\n[gpg]\n\tformat = x509\n")
    user = tmp_path / "gitconfig"
    user.write_text(f'[includeIf "gitdir:{tmp_path}/"]\n\tpath = work\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(user))
    with pytest.raises(InputError, match="signed as x509"):
        write(full)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    write(full)
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'commit.gpgsign'='true' 'gpg.format=x509'")
    with pytest.raises(InputError, match="signed as x509"):
        write(full)
    monkeypatch.delenv("GIT_CONFIG_PARAMETERS")
    for number, (key, value) in enumerate([("commit.gpgsign", "true"), ("gpg.format", "x509")]):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{number}", key)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{number}", value)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "2")
    with pytest.raises(InputError, match="signed as x509"):
        write(full)
