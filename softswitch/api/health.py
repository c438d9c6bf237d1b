"""HTTP for operators: is the process alive, would it take a call, and its metrics for Prometheus."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from softswitch.net.address import bind_error

#: How long those who are being answered may keep a switch from stopping.
STOP_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: its samples are (label values, value). For a histogram, value is (sum, [(upper bound, count)])."""

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    labels: tuple[str, ...]
    samples: tuple[tuple[tuple[str, ...], float], ...]


@dataclass(frozen=True, slots=True)
class Histogram:
    """One histogram without labels: cumulative counts by upper bound, the last bound `+Inf`."""

    name: str
    help: str
    buckets: tuple[tuple[str, float], ...]
    total: float


@dataclass(frozen=True, slots=True)
class Histograms:
    """One histogram for each value of one label: (value, cumulative counts by upper bound, total)."""

    name: str
    help: str
    label: str
    series: tuple[tuple[str, tuple[tuple[str, float], ...], float], ...]


Measure = Callable[[], Iterable[Family | Histogram | Histograms]]


class _Snapshot(Collector):
    """Turns a snapshot of our own counters into Prometheus families when somebody asks, and never before."""

    def __init__(self, measure: Measure) -> None:
        self._measure = measure

    def collect(self) -> Iterator[Metric]:
        for family in self._measure():
            if isinstance(family, Histogram):
                yield HistogramMetricFamily(
                    family.name, family.help, buckets=list(family.buckets), sum_value=family.total
                )
                continue
            if isinstance(family, Histograms):
                several = HistogramMetricFamily(family.name, family.help, labels=(family.label,))
                for which, buckets, total in family.series:
                    several.add_metric([which], buckets=list(buckets), sum_value=total)
                yield several
                continue
            make = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
            metric = make(family.name.removesuffix("_total"), family.help, labels=family.labels)
            for values, value in family.samples:
                metric.add_metric(list(values), value)
            yield metric


class HealthServer:
    """`/healthz`, `/readyz`, `/metrics`, and the API."""

    def __init__(self, ready: Callable[[], bool], measure: Measure, routes: Iterable[web.RouteDef] = ()) -> None:
        """ready: whether a call would be taken now. routes: the paths of the API."""
        self._ready = ready
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Snapshot(measure))
        app = web.Application(client_max_size=64 * 1024)
        app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._metrics),
                *routes,
            ]
        )
        # Who waits for a transfer to end keeps no switch from stopping.
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=STOP_SECONDS)

    async def listen(self, host: str, port: int) -> tuple[str, int]:
        """Bind; return where. Raises ResourceError with a sentence where it cannot."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise bind_error("HTTP", (host, port), "--http", error) from error
        address: tuple[str, int] = self._runner.addresses[0][:2]
        return address

    async def close(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _request: web.Request) -> web.Response:
        if self._ready():
            return web.Response(text="ready\n")
        return web.Response(text="draining\n", status=503)

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(self._registry),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )
