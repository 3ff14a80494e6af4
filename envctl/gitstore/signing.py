"""Signing commits, where Git's configuration says so (``commit.gpgsign``), with the programs that Git uses.

A commit that is to be signed is signed or not made at all. dulwich has signers of its own; they know no
key in the place of a file, do not check what gpg reports, and lose the words of the program.
"""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from dulwich.config import StackedConfig

from envctl.errors import AccessError, EnvctlError, InputError
from envctl.gitstore.configuration import boolean, path_setting, setting
from envctl.gitstore.programs import Ended, command_line, run_program

SIGNING_SECONDS = 120  # a person may have to touch a key, or type into a window of the agent
_CREATED = b"\n[GNUPG:] SIG_CREATED "
_BEGINS = {
    "openpgp": (b"-----BEGIN PGP SIGNATURE-----", b"-----BEGIN PGP MESSAGE-----"),
    "ssh": (b"-----BEGIN SSH SIGNATURE-----",),
}
_KEY_IN_PLACE = ("key::", "ssh-")


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs with one program and key. `key` is empty where ``defaultKeyCommand`` tells it."""

    form: str
    program: str
    key: str
    key_command: str = ""

    def sign(self, data: bytes) -> bytes:
        """A detached signature in armour, never half of one. Raises AccessError or InputError."""
        try:
            made = _sign_ssh(self, data) if self.form == "ssh" else _sign_openpgp(self, data)
        except EnvctlError as error:
            summary = f"the commit cannot be signed: {error.summary}"
            raise type(error)(summary, hint=error.hint or _hint(self)) from error
        if not made.startswith(_BEGINS[self.form]):
            raise AccessError(
                f"the commit cannot be signed: {self.program} gave no {self.form} signature", hint=_hint(self)
            )
        return made


def find_signer(config: StackedConfig, committer: str) -> Signer | None:
    """Who signs commits here; None where none are signed. `committer` is whose key gpg looks for by default.

    Raises InputError for a form that envctl cannot sign in, or where no key is named.
    """
    if not boolean(config, ("commit",), "gpgsign", default=False):
        return None
    form = setting(config, ("gpg",), "format") or "openpgp"
    key = setting(config, ("user",), "signingkey") or ""
    if form == "openpgp":
        program = _program(config, "openpgp") or setting(config, ("gpg",), "program") or "gpg"
        return Signer(form, program, key or committer)
    if form == "ssh":
        command = setting(config, ("gpg", "ssh"), "defaultKeyCommand") or ""
        if not key and not command:
            raise InputError(
                "commits are to be signed with ssh, and no key is named",
                hint="git config user.signingkey ~/.ssh/id_ed25519.pub",
            )
        if not key.startswith(_KEY_IN_PLACE):
            key = str(path_setting(config, ("user",), "signingkey") or "")
        return Signer(form, _program(config, "ssh") or "ssh-keygen", key, command)
    raise InputError(
        f"commits are to be signed as {form}, which envctl cannot do",
        hint="sign with gpg or ssh: git config gpg.format openpgp (or ssh)",
    )


def signed(data: bytes, signature: bytes) -> bytes:
    """The bytes of a commit with a signature of them in its header."""
    head, _, message = data.partition(b"\n\n")
    lines = signature.replace(b"\r", b"").strip(b"\n").split(b"\n")
    return head + b"\ngpgsig " + b"\n ".join(lines) + b"\n\n" + message


def _program(config: StackedConfig, form: str) -> str | None:
    found = path_setting(config, ("gpg", form), "program")
    return str(found) if found else None


def _sign_openpgp(signer: Signer, data: bytes) -> bytes:
    ended = run_program([signer.program, "--status-fd=2", "-bsau", signer.key], data, SIGNING_SECONDS)
    if ended.code != 0 or _CREATED not in b"\n" + ended.err:
        said = b"\n".join(each for each in ended.err.split(b"\n") if not each.startswith(b"[GNUPG:]"))
        raise _refused(signer, Ended(ended.code, b"", said))
    return ended.out


def _sign_ssh(signer: Signer, data: bytes) -> bytes:
    key = signer.key or _default_key(signer)
    with TemporaryDirectory(prefix="envctl-sign-") as folder:
        text, options = Path(folder, "commit"), []
        text.write_bytes(data)
        if key.startswith(_KEY_IN_PLACE):
            public = Path(folder, "key")
            public.write_text(key.removeprefix("key::") + "\n")
            key, options = str(public), ["-U"]
        ended = run_program(
            [signer.program, "-Y", "sign", "-n", "git", "-f", key, *options, str(text)], b"", SIGNING_SECONDS
        )
        made = text.with_name("commit.sig")
        if ended.code != 0 or not made.exists():
            raise _refused(signer, Ended(ended.code, b"", ended.err.replace(folder.encode() + b"/", b"")))
        return made.read_bytes()


def _default_key(signer: Signer) -> str:
    ended = run_program(command_line(signer.key_command, []), b"", SIGNING_SECONDS)
    first = ended.out.decode("utf-8", "replace").partition("\n")[0].strip()
    if ended.code != 0 or not first.startswith(_KEY_IN_PLACE):
        raise AccessError(
            "gpg.ssh.defaultKeyCommand names no key" + (f": {ended.words}" if ended.code else ""),
            hint="it has to print a line like key::ssh-ed25519 AAAA…",
        )
    return first


def _refused(signer: Signer, ended: Ended) -> AccessError:
    said = ended.words or f"it ended with code {ended.code}"
    name = f"{Path(signer.program).name}: "
    return AccessError(said if said.startswith(name) else f"{name}{said}")


def _hint(signer: Signer) -> str:
    if signer.form == "ssh":
        return "name a key that is there and needs no passphrase, or that the agent holds: ssh-add KEY"
    return "check the key and its agent: gpg --list-secret-keys; git config user.signingkey ID"
