"""What a refusal says to people, and what it never says about Secrets."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envctl.kube.failures import Subject, cluster_error, is_absent, refusal
from envctl.model.cluster import ResourceType, conflicts

CONFIG_MAP = ResourceType("", "v1", "ConfigMap", "configmaps", namespaced=True)
SECRET = ResourceType("", "v1", "Secret", "secrets", namespaced=True)
CANARY = "hunter2-CANARY"


def status(code: int, reason: str = "", message: str = "", **details: Any) -> bytes:
    return json.dumps(
        {
            "kind": "Status",
            "apiVersion": "v1",
            "code": code,
            "reason": reason,
            "message": message,
            "details": details,
        }
    ).encode()


def error(body: bytes, code: int, kind: ResourceType = CONFIG_MAP, value: Any = None) -> Any:
    subject = Subject(kind, f"{kind} web/a", value or {})
    return cluster_error(refusal(code, body), subject, "context 'dev' of config")


OWNED = [
    {"reason": "FieldManagerConflict", "message": 'conflict with "kubectl" using v1', "field": ".data.a"},
    {
        "reason": "FieldManagerConflict",
        "message": 'conflict with "hpa \\"x\\"" with subresource "scale" using apps/v1',
        "field": ".spec.replicas",
    },
]
FORBIDDEN = (
    'configmaps "a" is forbidden: User "system:serviceaccount:ops:envctl" cannot patch resource "configmaps" '
    'in API group "" in the namespace "web"'
)


@pytest.mark.parametrize(
    ("code", "body", "text"),
    [
        pytest.param(
            409,
            status(409, "Conflict", "Apply failed with 2 conflicts", causes=OWNED),
            'ConfigMap web/a: other field managers own .data.a (kubectl), .spec.replicas (hpa \\"x\\")\n'
            'hint: take the fields out of the rendered object, or let kubectl and hpa \\"x\\" give them up',
            id="field conflicts",
        ),
        pytest.param(
            409,
            status(409, "AlreadyExists", 'configmaps "a" already exists', name="a"),
            'ConfigMap web/a: configmaps "a" already exists',
            id="exists",
        ),
        pytest.param(
            403,
            status(403, "Forbidden", FORBIDDEN, name="a"),
            f"ConfigMap web/a: {FORBIDDEN}\n"
            'hint: grant system:serviceaccount:ops:envctl the right to patch configmaps in the namespace "web"',
            id="no right",
        ),
        pytest.param(
            401,
            status(401, "Unauthorized", "Unauthorized"),
            "ConfigMap web/a: the API server does not accept the credentials of context 'dev' of config\n"
            "hint: log in again, or renew the token or certificate",
            id="no identity",
        ),
        pytest.param(
            404,
            status(404, "NotFound", 'namespaces "web" not found', name="web", kind="namespaces"),
            "ConfigMap web/a: the namespace 'web' does not exist\nhint: render the namespace too, or create it first",
            id="no namespace",
        ),
        pytest.param(
            404,
            b"404 page not found\n",
            "ConfigMap web/a: the API server does not serve ConfigMap v1\n"
            "hint: install the CustomResourceDefinition first, or use a version that is served",
            id="no such kind",
        ),
        pytest.param(
            413,
            b"",
            "ConfigMap web/a: the API server answered 413\nhint: make the object smaller: etcd takes at most 1.5 MiB",
            id="too large",
        ),
        pytest.param(
            422,
            status(422, "Invalid", "data: \x1b[31mtoo \x00long\nsecond line"),
            "ConfigMap web/a: data: ?[31mtoo ?long\nsecond line",
            id="control characters",
        ),
        pytest.param(502, b"<html>Bad Gateway", "ConfigMap web/a: <html>Bad Gateway", id="a proxy's page"),
        pytest.param(
            500,
            b'{"kind":"Status","message":7,"details":[]}',
            "ConfigMap web/a: the API server answered 500",
            id="odd Status",
        ),
        pytest.param(500, b"[" * 100_000, "ConfigMap web/a: " + "[" * 200, id="deep nesting"),
    ],
)
def test_a_refusal_says_what_where_and_what_next(code: int, body: bytes, text: str) -> None:
    """Each refusal is one sentence at one object, with the next step where there is one."""
    assert str(error(body, code)) == text


def test_conflicts_name_manager_and_field() -> None:
    """The pairs come from the causes, for whoever decides about them."""
    refused = error(status(409, "Conflict", "x", causes=OWNED), 409)
    assert conflicts(refused) == (("kubectl", ".data.a"), ('hpa \\"x\\"', ".spec.replicas"))
    assert conflicts(error(status(422, "Invalid", "x", causes=OWNED), 422)) == ()


@pytest.mark.parametrize(
    ("code", "body", "absent"),
    [
        pytest.param(404, status(404, "NotFound", "x", name="a"), True, id="this object"),
        pytest.param(
            404, status(404, "NotFound", "x", name="web", kind="namespaces"), False, id="its namespace"
        ),
        pytest.param(
            404,
            status(404, "NotFound", "the server could not find the requested resource"),
            False,
            id="its kind",
        ),
        pytest.param(404, b"404 page not found", False, id="a page"),
        pytest.param(403, status(403, "NotFound", "x", name="a"), False, id="another status"),
    ],
)
def test_only_a_clear_answer_counts_as_absent(code: int, body: bytes, *, absent: bool) -> None:
    """Pruning trusts this: whatever is not about this very object is no absence."""
    assert is_absent(refusal(code, body), "a") is absent


SENT = {"data": {"password": CANARY, "ok": "b2s="}, "stringData": {"user": CANARY}}
WITHHELD = "the server's words are withheld, they may hold secret values"


@pytest.mark.parametrize(
    ("code", "body", "text"),
    [
        pytest.param(
            500,
            status(
                500,
                "",
                f'failed to create typed patch object: .data.password: expected string, got "{CANARY}"',
            ),
            f"Secret web/a: the API server refused it (500) at data.password; {WITHHELD}",
            id="wrong type",
        ),
        pytest.param(
            500,
            status(500, "", "illegal base64 data at input byte 0"),
            f"Secret web/a: the API server refused it (500) at data.password; {WITHHELD}",
            id="bad base64",
        ),
        pytest.param(
            422,
            status(
                422,
                "Invalid",
                CANARY,
                causes=[{"field": "data[tls.crt]", "message": f"Invalid value: {CANARY}"}],
            ),
            f"Secret web/a: the API server refused it (Invalid) at data[tls.crt]; {WITHHELD}",
            id="invalid",
        ),
        pytest.param(
            422,
            status(
                422,
                "Invalid",
                CANARY,
                causes=[{"field": "data", "message": f"{CANARY}: field is immutable when"}],
            ),
            f"Secret web/a: the API server refused it (Invalid) at data (field is immutable); {WITHHELD}",
            id="immutable",
        ),
        pytest.param(
            400,
            status(400, "BadRequest", f'admission webhook "x" denied the request: {CANARY}'),
            f"Secret web/a: the API server refused it (BadRequest); {WITHHELD}",
            id="webhook",
        ),
        pytest.param(
            403,
            status(403, "Forbidden", f"secrets is forbidden: {CANARY}"),
            f"Secret web/a: the API server refused it (Forbidden); {WITHHELD}",
            id="policy",
        ),
        pytest.param(
            403,
            status(403, "Forbidden", FORBIDDEN.replace("configmaps", "secrets")),
            f"Secret web/a: {FORBIDDEN.replace('configmaps', 'secrets')}\n"
            'hint: grant system:serviceaccount:ops:envctl the right to patch secrets in the namespace "web"',
            id="a missing right is told",
        ),
        pytest.param(
            409,
            status(
                409, "Conflict", CANARY, causes=[*OWNED, {"field": ".data.b", "message": f"was {CANARY}"}]
            ),
            'Secret web/a: other field managers own .data.a (kubectl), .spec.replicas (hpa \\"x\\")\n'
            'hint: take the fields out of the rendered object, or let kubectl and hpa \\"x\\" give them up',
            id="conflicts are told",
        ),
        pytest.param(
            404,
            status(404, "NotFound", 'namespaces "web" not found', name="web", kind="namespaces"),
            "Secret web/a: the namespace 'web' does not exist\nhint: render the namespace too, or create it first",
            id="no namespace",
        ),
        pytest.param(
            502,
            CANARY.encode(),
            f"Secret web/a: the API server refused it (502); {WITHHELD}",
            id="a proxy's page",
        ),
    ],
)
def test_a_refused_secret_names_fields_and_no_values(code: int, body: bytes, text: str) -> None:
    """The server quotes values in prose, so its prose about Secrets stays out."""
    refused = error(body, code, SECRET, SENT)
    assert str(refused) == text
    assert CANARY not in repr((refused.args, refused.causes, refused.hint, refused.reason))


@given(st.text(), st.text(), st.sampled_from([400, 403, 409, 422, 500, 503]))
def test_no_words_of_the_server_reach_the_error_of_a_secret(before: str, after: str, code: int) -> None:
    """Wherever the value stands in the server's message, it does not come out."""
    body = status(
        code, "Invalid", before + CANARY + after, causes=[{"field": "data", "message": before + CANARY}]
    )
    refused = error(body, code, SECRET, SENT)
    assert CANARY not in str(refused) + repr(refused.causes)
