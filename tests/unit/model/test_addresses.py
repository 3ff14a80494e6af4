"""What of a repository's address everybody may read."""

import pytest

from envctl.model.addresses import public


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://git.example.com/x.git", "https://git.example.com/x.git"),
        ("https://user:hunter2@git.example.com:8443/x.git", "https://git.example.com:8443/x.git"),
        ("HTTPS://token@git.example.com/x@y.git", "HTTPS://git.example.com/x@y.git"),
        ("https://user:p@ss@git.example.com/x.git", "https://git.example.com/x.git"),
        ("ssh://git@git.example.com/x.git", "ssh://git@git.example.com/x.git"),
        ("ssh://git:hunter2@git.example.com/x.git", "ssh://git@git.example.com/x.git"),
        ("git@git.example.com:team/x.git", "git@git.example.com:team/x.git"),
        ("file:///srv/x@y.git", "file:///srv/x@y.git"),
    ],
)
def test_an_address_is_shown_without_its_credentials(address: str, shown: str) -> None:
    """The user of ssh stays: without it, it would be another address."""
    assert public(address) == shown
