"""Metrics as data: families of samples, before any text format."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class MetricKind(StrEnum):
    """The kinds of Prometheus that are used."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Sample:
    """One value with its labels. `buckets` are those of a histogram, whose `value` is the sum.

    Each bucket is its upper bound as text, the last one ``+Inf``, and how many values are at most that.
    """

    labels: Mapping[str, str]
    value: float
    buckets: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Family:
    """All samples of one metric. The name of a counter has no ``_total``: the text format adds it."""

    name: str
    kind: MetricKind
    help: str
    samples: tuple[Sample, ...]
