"""Where the cache and the state lie."""

from pathlib import Path

import pytest

from envctl.devcluster.folders import cache_folder, state_folder
from envctl.devcluster.locks import is_held, locked
from envctl.errors import UnavailableError

HOME = Path.home() / ".cache" / "envctl"


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        pytest.param({}, HOME, id="nothing set"),
        pytest.param({"XDG_CACHE_HOME": "/var/cache/me"}, Path("/var/cache/me/envctl"), id="XDG"),
        pytest.param({"XDG_CACHE_HOME": "relative"}, HOME, id="a relative XDG path is invalid"),
        pytest.param({"XDG_CACHE_HOME": ""}, HOME, id="an empty XDG path is none"),
        pytest.param({"ENVCTL_CACHE_DIR": "/c", "XDG_CACHE_HOME": "/x"}, Path("/c"), id="our own wins"),
        pytest.param({"ENVCTL_CACHE_DIR": "c"}, Path("c").absolute(), id="our own may be relative"),
    ],
)
def test_the_cache_folder(environ: dict[str, str], folder: Path) -> None:
    """Our own variable, else the XDG one, else the home folder."""
    assert cache_folder(environ) == folder


def test_the_state_goes_where_what_runs_is_kept(tmp_path: Path) -> None:
    """A runtime folder is emptied at logout; without one the cache folder does."""
    runtime = {"XDG_RUNTIME_DIR": str(tmp_path), "ENVCTL_CACHE_DIR": "/c"}
    assert state_folder(runtime) == tmp_path / "envctl" / "dev-clusters"
    runtime["XDG_RUNTIME_DIR"] = str(tmp_path / "gone")
    assert state_folder(runtime) == Path("/c/dev-clusters")


def test_a_cache_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The error says which folder, and how to choose another one."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError) as refused, locked(tmp_path / "file" / "cache" / "etcd.lock"):
        pass
    assert str(refused.value) == (
        f"{tmp_path / 'file' / 'cache'}: this folder cannot be written to: Not a directory\n"
        "hint: ENVCTL_CACHE_DIR names another cache folder"
    )


def test_a_lock_is_held_until_it_is_given_back(tmp_path: Path) -> None:
    """Asking does not take it, and a lock that was never made is not held."""
    path = tmp_path / "lock"
    assert not is_held(path)
    with locked(path):
        assert is_held(path)
        assert is_held(path)
    assert not is_held(path)
