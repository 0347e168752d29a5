"""Requests to one Alertmanager: TLS, credentials, redirects, time; and what answers mean."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from rules.notifying.alertmanagers import of_document
from rules.notifying.metrics import NotifyMetrics
from rules.notifying.queue import Delivery, Item, Queue
from rules.notifying.sender import Outcome, Sender, Tools, outcome_of
from tests.makers.certificates import make_authority
from tests.makers.rules.alertmanager import ScriptedAlertmanager

ITEM = Item((("a", "b"),), b'{"labels":{"alertname":"A"}}', 1 << 60, Delivery((("a", "b"),)))


async def sent(manager: ScriptedAlertmanager, directory: Path, **fields: Any) -> float:
    """Send one alert until it is taken or the process ends; how many times it failed."""
    block = {"static_configs": [{"targets": [f"127.0.0.1:{manager.port}"]}], **fields}
    alerting, _ = of_document({"alertmanagers": [block]}, directory, 60_000)
    registry = CollectorRegistry()
    queue = Queue(10, 10_000)
    queue.put([ITEM])
    async with aiohttp.ClientSession() as session:
        tools = Tools(session, NotifyMetrics(registry), 10, 0.01, lambda: 0)
        tools.draining.set()
        await Sender("t", alerting.blocks[0].alertmanagers[0], queue).run(tools)
    labels = {"alertmanager": alerting.blocks[0].alertmanagers[0].url, "tenant": "t"}
    return registry.get_sample_value("prometheus_notifications_errors_total", labels) or 0.0


def test_a_server_and_its_client_know_each_other_by_certificates(tmp_path: Path) -> None:
    authority = make_authority(tmp_path / "authority")
    certificate, key = authority.issue("server", "/CN=am", "DNS:alertmanager.local")
    own_certificate, own_key = authority.issue("client", "/CN=cupola")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(authority.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    tls_config = {
        "ca_file": str(authority.certificate),
        "cert_file": str(own_certificate),
        "key_file": str(own_key),
        "server_name": "alertmanager.local",
    }
    with ScriptedAlertmanager(tls=context) as manager:
        fields = {"scheme": "https", "tls_config": tls_config}
        assert asyncio.run(sent(manager, tmp_path, **fields)) == 0
        assert manager.taken == ["A"]


def test_a_server_that_is_not_known_gets_nothing(tmp_path: Path) -> None:
    authority = make_authority(tmp_path / "authority")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("server", "/CN=am", "IP:127.0.0.1"))

    async def attempt() -> None:
        running = asyncio.create_task(sent(manager, tmp_path, scheme="https"))
        done, _ = await asyncio.wait([running], timeout=1)
        assert not done
        running.cancel()

    with ScriptedAlertmanager(tls=context) as manager:
        asyncio.run(attempt())
        assert manager.requests == []
        trusted = {"insecure_skip_verify": True}
        assert asyncio.run(sent(manager, tmp_path, scheme="https", tls_config=trusted)) == 0


def test_headers_of_the_file_take_the_place_of_our_own(tmp_path: Path) -> None:
    with ScriptedAlertmanager() as manager:
        header = {"x-scope-orgid": {"values": ["all"]}}
        basic = {"username": "u", "password": "p"}
        asyncio.run(sent(manager, tmp_path, http_headers=header, basic_auth=basic))
        (request,) = manager.requests
    assert request.headers["x-scope-orgid"] == "all"
    assert request.headers["authorization"] == "Basic dTpw"


def test_an_answer_that_takes_too_long_is_a_failure(tmp_path: Path) -> None:
    with ScriptedAlertmanager() as manager:
        manager.hold()

        async def attempt() -> float:
            running = asyncio.create_task(sent(manager, tmp_path, timeout="200ms"))
            await asyncio.to_thread(manager.wait, lambda: manager.arrived >= 2)
            manager.release()
            return await running

        assert asyncio.run(attempt()) >= 1


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        *((status, Outcome.TAKEN) for status in (200, 202, 204)),
        *((status, Outcome.REFUSED) for status in (400, 413, 422)),
        *((status, Outcome.FAILED) for status in (301, 401, 403, 404, 408, 429, 500, 502, 503)),
    ],
)
def test_what_answers_mean(status: int, outcome: Outcome) -> None:
    assert outcome_of(status) is outcome
