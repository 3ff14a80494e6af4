"""A mutating admission webhook: a TLS server that the API server asks about each object, and that patches it."""

import base64
import contextlib
import json
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from envctl.devcluster.certificates import Authority

Mutate = Callable[[Mapping[str, Any]], Sequence[Mapping[str, Any]]]
"""Makes the operations of a JSON patch (RFC 6902) from an object."""


@dataclass
class Webhook:
    """A running webhook. `asked` holds the names of the objects that it was asked about."""

    url: str
    bundle: str
    asked: list[str] = field(default_factory=list)


@contextlib.contextmanager
def mutating_webhook(mutate: Mutate) -> Iterator[Webhook]:
    """A webhook at a port of its own; `clientConfig` takes its url and its bundle."""
    with tempfile.TemporaryDirectory(prefix="webhook-") as name:
        tls, bundle = _tls(Path(name))
    webhook = Webhook("", bundle)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(_answer(review, mutate, webhook.asked)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """The list of what was asked is the log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    webhook.url = f"https://127.0.0.1:{server.server_address[1]}/"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield webhook
    finally:
        server.shutdown()
        server.server_close()


def _answer(review: Mapping[str, Any], mutate: Mutate, asked: list[str]) -> Mapping[str, Any]:
    request = review["request"]
    asked.append(request["name"])
    patch = base64.b64encode(json.dumps(list(mutate(request["object"]))).encode()).decode()
    response = {"uid": request["uid"], "allowed": True, "patchType": "JSONPatch", "patch": patch}
    return {"apiVersion": review["apiVersion"], "kind": "AdmissionReview", "response": response}


def _tls(folder: Path) -> tuple[ssl.SSLContext, str]:
    authority = Authority()
    pair = authority.server("webhook", ["127.0.0.1"])
    (folder / "crt").write_bytes(pair.certificate)
    (folder / "key").write_bytes(pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "crt", folder / "key")
    return context, base64.b64encode(authority.pair.certificate).decode()
