"""Requests whose refusals are errors and whose answers are JSON objects."""

import json
import threading
from http import HTTPStatus

from envctl.errors import ClusterError, UnavailableError
from envctl.kube.connection import Request
from envctl.kube.failures import Refusal, Subject, cluster_error, refusal
from envctl.kube.transport import Answer, Transport
from envctl.model.values import JsonObject


class Client:
    """A transport that speaks the API's conventions."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        # Set where an answer shows that a kind is not served any more; discovery then asks again.
        self.outdated = threading.Event()

    def send(self, request: Request, subject: Subject) -> Answer:
        """The answer of a request that the server accepted. Raises ClusterError where it refused."""
        answer = self.transport.send(request)
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise self.refused(answer, subject)
        return answer

    def ask(self, request: Request, subject: Subject) -> JsonObject:
        """The JSON object that the server answers with."""
        return self.read(self.send(request, subject), subject)

    def read(self, answer: Answer, subject: Subject) -> JsonObject:
        """The JSON object in an answer. Raises UnavailableError where there is none."""
        content = parsed(answer.body)
        if content is None:
            raise self.nonsense(subject)
        return content

    def refused(self, answer: Answer, subject: Subject) -> ClusterError:
        """The error for an answer that is a refusal."""
        return self.status_error(refusal(answer.status, answer.body, answer.retry_after), subject)

    def status_error(self, refused: Refusal, subject: Subject) -> ClusterError:
        """The error for a refusal that was read already."""
        if refused.unserved:
            self.outdated.set()
        return cluster_error(refused, subject, self.transport.endpoint.origin)

    def nonsense(self, subject: Subject) -> UnavailableError:
        """The error for an answer that is no API object."""
        return UnavailableError(
            f"what {self.transport.endpoint.url} answered is no API object",
            place=subject.place,
            hint="check that this address is an API server and that nothing in between cuts its answers",
        )


def parsed(body: bytes) -> JsonObject | None:
    """The JSON object in some bytes, None where there is none."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
