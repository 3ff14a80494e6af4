"""Credentials inside a pod: the files and variables that every pod is promised.

The kubernetes package can do this too, but importing it costs more memory than the whole
agent. https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
"""

import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from envctl.errors import AccessError
from envctl.kube.endpoint import Endpoint, Headers, bearer, tls_reason, trust

FOLDER = Path("/var/run/secrets/kubernetes.io/serviceaccount")
ORIGIN = "this pod's service account"
# The kubelet renews a token when 80 % of its life has passed, so a minute late is early enough.
_REREAD_SECONDS = 60.0


def inside_pod(folder: Path = FOLDER, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this process runs in a pod that may talk to its API server."""
    return bool(environ.get("KUBERNETES_SERVICE_HOST")) and (folder / "token").is_file()


class _Token:
    """A projected token, read again as it is rotated."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._headers: Headers = ()
        self._read_at = float("-inf")

    def headers(self) -> Headers:
        with self._lock:
            if time.monotonic() - self._read_at >= _REREAD_SECONDS:
                self._headers = bearer(_read(self._path), ORIGIN)
                self._read_at = time.monotonic()
            return self._headers


def pod_endpoint(folder: Path = FOLDER, environ: Mapping[str, str] = os.environ) -> Endpoint:
    """The API server of the cluster that this pod runs in. Raises AccessError where a file is missing."""
    host, port = environ["KUBERNETES_SERVICE_HOST"], environ.get("KUBERNETES_SERVICE_PORT", "443")
    token = _Token(folder / "token")
    if not token.headers():
        raise AccessError(f"the token of {ORIGIN} is empty", place=str(folder / "token"))
    ca = folder / "ca.crt"
    try:
        tls = trust(cadata=_read(ca))
    except OSError as error:
        raise AccessError(
            f"the CA bundle of {ORIGIN} is unusable: {tls_reason(error)}", place=str(ca)
        ) from None
    name = f"[{host}]" if ":" in host else host
    return Endpoint(f"https://{name}:{port}", ORIGIN, token.headers, tls)


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no ASCII text"
        raise AccessError(
            f"cannot read {ORIGIN}: {reason}",
            place=str(path),
            hint="do not switch off automountServiceAccountToken for this pod",
        ) from None
