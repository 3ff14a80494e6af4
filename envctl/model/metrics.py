"""Metrics as data: families of samples, before any text format."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class MetricKind(StrEnum):
    """The kinds of Prometheus that are used. A SUMMARY has a sum and a count, and no quantiles."""

    GAUGE = "gauge"
    COUNTER = "counter"
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True)
class Sample:
    """One value with its labels. `count` is that of a summary, whose `value` is the sum."""

    labels: Mapping[str, str]
    value: float
    count: int = 0


@dataclass(frozen=True, slots=True)
class Family:
    """All samples of one metric. The name of a counter has no ``_total``: the text format adds it."""

    name: str
    kind: MetricKind
    help: str
    samples: tuple[Sample, ...]
