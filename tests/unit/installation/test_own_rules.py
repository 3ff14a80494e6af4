"""What an agent may do in its own namespace, and what it needs each of it for."""

from envctl.installation.manifests import own_rules

REASONS = {
    ("configmaps", "create"): "the inventory is new, grows by a part, or lost one",
    (
        "configmaps",
        "get",
    ): "to see whether somebody else wrote the inventory, before what vanished comes back",
    ("configmaps", "list"): "to read the inventory; no watch, since only the agent writes it",
    ("configmaps", "update"): "to write it by compare-and-swap; no part is ever deleted",
    ("leases", "create"): "the first leader; a name cannot restrict what does not exist",
    ("leases", "get"): "to see who leads",
    ("leases", "update"): "to take, renew and give back the lead by compare-and-swap",
    ("environments", "create"): "the status has an object; server-side apply of a new one needs this too",
    ("environments", "get"): "to go on with what was reported, and for permits in annotations",
    ("environments", "list"): "a refusal names the environment that has an object",
    ("environments", "patch"): "server-side apply of the object; nobody replaces it as a whole",
    ("environments/status", "patch"): "server-side apply of the status",
    ("events", "create"): "server-side apply of a new Event",
    ("events", "patch"): "server-side apply, also of a series that goes on",
}
"""Resource and verb, and why."""


def test_an_agent_has_no_right_without_a_reason() -> None:
    """What can be restricted to a name is."""
    rules = own_rules("prod")
    granted = {(resource, verb) for rule in rules for resource in rule.resources for verb in rule.verbs}
    assert granted == REASONS.keys()
    unnamed = {
        (resource, verb)
        for rule in rules
        for resource in rule.resources
        for verb in rule.verbs
        if not rule.names
    }
    assert unnamed == {
        *(("configmaps", verb) for verb in ("create", "get", "list", "update")),
        ("leases", "create"),
        ("environments", "create"),
        ("environments", "list"),
        *(("events", verb) for verb in ("create", "patch")),
    }
