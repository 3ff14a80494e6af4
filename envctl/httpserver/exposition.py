"""Metrics as text, by the Prometheus client library: the families that are given, and the process's own."""

from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from envctl.model.metrics import Family, MetricKind
from envctl.model.page import Page


def metrics_page(families: Sequence[Family]) -> Page:
    """The page that Prometheus scrapes. A registry each time: what is gone leaves no sample behind."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_Families(families))
    return Page(200, generate_latest(registry).decode(), CONTENT_TYPE_LATEST)


class _Families(Collector):
    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return map(_metric, self._families)


def _metric(family: Family) -> Metric:
    labels = tuple(family.samples[0].labels) if family.samples else ()
    match family.kind:
        case MetricKind.GAUGE:
            gauge = GaugeMetricFamily(family.name, family.help, labels=labels)
            for each in family.samples:
                gauge.add_metric(tuple(each.labels.values()), each.value)
            return gauge
        case MetricKind.COUNTER:
            counter = CounterMetricFamily(family.name, family.help, labels=labels)
            for each in family.samples:
                counter.add_metric(tuple(each.labels.values()), each.value)
            return counter
        case MetricKind.HISTOGRAM:
            histogram = HistogramMetricFamily(family.name, family.help, labels=labels)
            for each in family.samples:
                histogram.add_metric(tuple(each.labels.values()), each.buckets, each.value)
            return histogram
