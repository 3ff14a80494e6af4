"""Environment files, and what is left when the files they extend are merged in."""

import pytest

from envctl.config.environment import parse_environment, resolve_environment
from envctl.errors import InputError
from envctl.model.environment import (
    ComponentInstance,
    ComponentUse,
    Environment,
    EnvironmentFile,
    Layer,
)


def path_of(name: str) -> str:
    return f"environments/{name}/environment.yaml"


def parse(text: str, name: str = "prod") -> EnvironmentFile:
    return parse_environment(text.encode(), path_of(name))


def resolve(name: str, **texts: str) -> Environment:
    files = {each.replace("_", "-"): text for each, text in texts.items()}
    return resolve_environment(name, {each: parse(text, each) for each, text in files.items()})


def refusal(name: str, **texts: str) -> str:
    with pytest.raises(InputError) as caught:
        resolve(name, **texts)
    return str(caught.value)


FULL = """\
extends: base
promotesFrom: [staging]
namespace: ai-prod
components:
- gateway
- {name: model-server, config: {replicas: 4}}
- {name: debug, enabled: false}
config: {domain: prod.example.com}
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            FULL,
            EnvironmentFile(
                name="prod",
                path=path_of("prod"),
                extends=("base",),
                promotes_from=("staging",),
                namespace="ai-prod",
                components=(
                    ComponentUse("gateway"),
                    ComponentUse("model-server", config={"replicas": 4}),
                    ComponentUse("debug", enabled=False),
                ),
                config={"domain": "prod.example.com"},
            ),
            id="every key",
        ),
        pytest.param("", EnvironmentFile("prod", path_of("prod")), id="empty"),
        pytest.param(
            "extends: [a, b]\npromotesFrom: dev\nabstract: true\ncomponents: []\n",
            EnvironmentFile(
                "prod",
                path_of("prod"),
                abstract=True,
                extends=("a", "b"),
                promotes_from=("dev",),
                components=(),
            ),
            id="lists and names may stand for each other",
        ),
    ],
)
def test_an_environment_file_is_read_by_itself(text: str, expected: EnvironmentFile) -> None:
    """Every key is optional."""
    assert parse(text) == expected


def test_every_problem_of_a_file_is_told_with_its_line() -> None:
    """Unknown keys, wrong types and bad names in one pass."""
    text = "extnds: base\nnamespace: AI\ncomponents:\n- {nmae: x}\n- [y]\n- Web\nconfig: 3\n"
    with pytest.raises(InputError) as caught:
        parse(text)
    assert str(caught.value) == (
        "7 problems found in environments/prod/environment.yaml\n"
        "  environments/prod/environment.yaml:1: extnds: unknown key (did you mean `extends`?)\n"
        "  environments/prod/environment.yaml:2: namespace: must match the pattern ^[a-z0-9]([-a-z0-9]*[a-z0-9])?$, "
        'is the text "AI" (The namespace of namespaced objects that name none themselves.'
        " Lower-case letters, digits and hyphens, as in Kubernetes names.)\n"
        "  environments/prod/environment.yaml:4: components[0].nmae: unknown key (did you mean `name`?)\n"
        "  environments/prod/environment.yaml:4: components[0]: the key `name` is missing\n"
        "  environments/prod/environment.yaml:5: components[1]: must be text or an object, is a list\n"
        "  environments/prod/environment.yaml:6: components[2]: must match the pattern "
        '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$, is the text "Web" (The name of a component: a folder in components/.'
        " Lower-case letters, digits and hyphens, as in Kubernetes names.)\n"
        "  environments/prod/environment.yaml:7: config: must be an object, is 3"
    )


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        pytest.param(
            "components:\n- web\n- {name: web, config: {a: 1}}\n",
            "prod",
            "environments/prod/environment.yaml:3: components[1]: web is listed twice, first in line 2\n"
            "hint: keep one entry, with the config of both",
            id="component twice",
        ),
        pytest.param(
            "components: [web]\n",
            "Prod_1",
            "environments/Prod_1/environment.yaml: Prod_1 cannot be the name of an environment\n"
            "hint: use at most 63 lower-case letters, digits and hyphens, as Kubernetes does for its names",
            id="name of the folder",
        ),
        pytest.param(
            "components: [web]\n",
            "a" * 64,
            f"environments/{'a' * 64}/environment.yaml: {'a' * 64} cannot be the name of an environment\n"
            "hint: use at most 63 lower-case letters, digits and hyphens, as Kubernetes does for its names",
            id="too long a name",
        ),
        pytest.param(
            "- web\n",
            "prod",
            "environments/prod/environment.yaml:1: must be an object, is a list",
            id="no object",
        ),
    ],
)
def test_what_a_schema_cannot_say_is_checked_too(text: str, name: str, expected: str) -> None:
    """Names that come twice, and names that become refs and Kubernetes names."""
    with pytest.raises(InputError) as caught:
        parse(text, name)
    assert str(caught.value) == expected


def test_parents_come_first_and_the_child_wins() -> None:
    """Namespace, components and config of a chain of three, with the layers of each component."""
    base, eu, prod = path_of("base"), path_of("eu"), path_of("prod")
    assert resolve(
        "prod",
        base="components: [db, {name: web, config: {size: 1, tags: [a]}}, debug]\nconfig: {domain: x}\nnamespace: b",
        eu="extends: base\nconfig: {domain: eu, region: eu}\nnamespace: e\n",
        prod="extends: eu\ncomponents: [{name: web, config: {size: 3}}, {name: debug, enabled: false}, extra]\n",
    ) == Environment(
        name="prod",
        chain=("base", "eu", "prod"),
        namespace="e",
        components=(
            ComponentInstance(
                "db",
                {"domain": "eu", "region": "eu"},
                (Layer(base, {"domain": "x"}), Layer(eu, {"domain": "eu", "region": "eu"})),
            ),
            ComponentInstance(
                "web",
                {"domain": "eu", "region": "eu", "size": 3, "tags": ["a"]},
                (
                    Layer(base, {"domain": "x"}),
                    Layer(eu, {"domain": "eu", "region": "eu"}),
                    Layer(base, {"size": 1, "tags": ["a"]}),
                    Layer(prod, {"size": 3}),
                ),
            ),
            ComponentInstance(
                "extra",
                {"domain": "eu", "region": "eu"},
                (Layer(base, {"domain": "x"}), Layer(eu, {"domain": "eu", "region": "eu"})),
            ),
        ),
    )


def test_config_of_one_component_wins_over_config_for_all_wherever_it_stands() -> None:
    """Design §3: what is said of one component is meant for it, in a parent too."""
    found = resolve(
        "prod",
        base="components: [{name: web, config: {size: 1}}]\n",
        prod="extends: base\nconfig: {size: 9}\n",
    )
    assert found.components[0].config == {"size": 1}


@pytest.mark.parametrize(
    ("texts", "chain"),
    [
        pytest.param({"prod": "components: []"}, ("prod",), id="alone"),
        pytest.param(
            {"prod": "extends: [a, b]\ncomponents: []", "a": "", "b": ""},
            ("a", "b", "prod"),
            id="two parents",
        ),
        pytest.param(
            {"prod": "extends: [a, b]\ncomponents: []", "a": "extends: c", "b": "extends: c", "c": ""},
            ("c", "a", "b", "prod"),
            id="a diamond counts its top once",
        ),
        pytest.param(
            {"prod": "extends: [a, c]\ncomponents: []", "a": "extends: c", "c": ""},
            ("c", "a", "prod"),
            id="a parent that is a grandparent too",
        ),
    ],
)
def test_the_chain_has_parents_first_and_each_once(texts: dict[str, str], chain: tuple[str, ...]) -> None:
    """Depth first, in the order of `extends`."""
    assert resolve("prod", **texts).chain == chain


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        pytest.param({"prod": "components: []"}, None, id="nobody says"),
        pytest.param(
            {"prod": "extends: base\ncomponents: []", "base": "promotesFrom: dev"}, ("dev",), id="parent"
        ),
        pytest.param(
            {"prod": "extends: base\npromotesFrom: []\ncomponents: []", "base": "promotesFrom: dev"},
            (),
            id="an empty list takes it back",
        ),
    ],
)
def test_the_last_file_that_says_so_decides_where_promotions_come_from(
    texts: dict[str, str], expected: tuple[str, ...] | None
) -> None:
    """So all clusters of one stage can share a base."""
    assert resolve("prod", dev="components: []", **texts).promotes_from == expected


def test_a_component_that_is_taken_out_can_come_back() -> None:
    """The last file of the chain that names it decides; its place and its config stay."""
    found = resolve(
        "c",
        a="components: [{name: x, config: {n: 1}}, z]",
        b="extends: a\ncomponents: [{name: x, enabled: false}]",
        c="extends: b\ncomponents: [x]",
    )
    assert [(each.name, each.config) for each in found.components] == [("x", {"n": 1}), ("z", {})]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        pytest.param(
            {"prod": "\nextends: bas\n", "base": "components: []"},
            "environments/prod/environment.yaml:2: extends bas, which is no environment (prod → bas)\n"
            "hint: did you mean `base`?",
            id="unknown parent",
        ),
        pytest.param(
            {"prod": "extends: eu", "eu": "extends:\n- base\n- nowhere\n", "base": "components: []"},
            "environments/eu/environment.yaml:3: extends nowhere, which is no environment (prod → eu → nowhere)\n"
            "hint: environments here: base",
            id="unknown grandparent",
        ),
        pytest.param(
            {"prod": "extends: a", "a": "extends: b", "b": "\n\nextends: a"},
            "environments/b/environment.yaml:3: environments extend each other in a circle: prod → a → b → a\n"
            "hint: remove one of these `extends`",
            id="circle",
        ),
        pytest.param(
            {"prod": "extends: prod"},
            "environments/prod/environment.yaml:1: environments extend each other in a circle: prod → prod\n"
            "hint: remove one of these `extends`",
            id="circle of one",
        ),
        pytest.param(
            {"prod": "extends: [x, prod]"},
            "2 problems found in environments/prod/environment.yaml\n"
            "  environments/prod/environment.yaml:1: extends x, which is no environment (prod → x)\n"
            "  environments/prod/environment.yaml:1: environments extend each other in a circle: prod → prod"
            " (remove one of these `extends`)",
            id="two problems",
        ),
        pytest.param(
            {"prod": "extends: base", "base": "config: {a: 1}"},
            "environments/prod/environment.yaml: environment prod has no components\n"
            "hint: list them under `components:`, or say `abstract: true` if it is only there to be extended",
            id="no components",
        ),
        pytest.param(
            {
                "prod": "components: []\npromotesFrom: [stagin, base, prod]",
                "staging": "",
                "base": "abstract: true",
            },
            "3 problems found in environments/prod/environment.yaml\n"
            "  environments/prod/environment.yaml:2: promotesFrom of prod names stagin, which is no environment"
            " (did you mean `staging`?)\n"
            "  environments/prod/environment.yaml:2: promotesFrom of prod names base, which is abstract and never"
            " published (environments here: staging)\n"
            "  environments/prod/environment.yaml:2: promotesFrom of prod names prod, the environment itself"
            " (environments here: staging)",
            id="origins of promotions",
        ),
        pytest.param(
            {
                "prod": "extends: e0",
                **{f"e{number}": f"extends: e{number + 1}" for number in range(40)},
                "e40": "components: []",
            },
            "environments/e30/environment.yaml:1: extends more than 32 environments, one after the other\n"
            "hint: shorten the chain",
            id="too long a chain",
        ),
    ],
)
def test_what_cannot_be_resolved_names_the_chain(texts: dict[str, str], expected: str) -> None:
    """The place is the file and line that says so."""
    assert refusal("prod", **texts) == expected


def test_an_environment_may_say_that_it_has_no_components() -> None:
    """An empty list is a decision; no list at all is a mistake."""
    assert resolve("prod", prod="components: []") == Environment("prod", ("prod",))


def test_a_layer_knows_the_line_of_each_value() -> None:
    """Problems of the final config lead to the line to be changed."""
    found = resolve("prod", prod="config:\n  a: 1\ncomponents:\n- name: web\n  config:\n    b:\n      c: 2\n")
    shared, own = found.components[0].layers
    assert shared.place(("a",)) == "environments/prod/environment.yaml:2"
    assert own.place(("b", "c")) == "environments/prod/environment.yaml:7"
    assert own.place(("b", "d")) == "environments/prod/environment.yaml:6"
