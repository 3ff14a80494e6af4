"""The config of a component against its schema: at once where that is easy, else in a process with limits."""

from envctl.config.layers import ConfigSubject, config_problems
from envctl.config.schema import certainly_fits
from envctl.errors import InputError
from envctl.model.values import JsonValue
from envctl.ports import SchemaChecker, Tree


def check_config(checker: SchemaChecker, tree: Tree, config: JsonValue, subject: ConfigSubject) -> None:
    """Check a component's final config with the schema in its tree.

    Raises InputError with every problem and who set the value, or for a schema that is no good.
    """
    data = tree.read(subject.schema)
    if certainly_fits(config, data, subject.schema):
        return
    findings = checker.check(config, data, subject.schema, subject.key)
    if findings:
        raise InputError(
            f"the config of {subject.key} does not fit {subject.schema}",
            problems=config_problems(findings, config, subject),
        )
