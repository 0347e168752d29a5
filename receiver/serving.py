"""The program while it runs: from its socket to the signal or the failure that ends it."""

import asyncio
import contextlib
import logging
import os
import socket
import threading

import uvloop
from aiohttp import web
from prometheus_client import disable_created_metrics

from receiver.late_database import LateDatabase
from receiver.processes.company import Company
from receiver.processes.identity import mark_inner
from receiver.processes.place import ALONE, Place
from receiver.processes.sockets import join
from receiver.server import (
    ACCESS_FILES,
    COMPANY,
    DATABASE,
    LANE,
    METRICS,
    RELOADER,
    build_app,
    check,
)
from receiver.settings.config import Config
from receiver.settings.listen_address import BACKLOG, bind, parse_listen_address
from receiver.version import program_version
from receiver.web.connections import Connections
from receiver.web.ending import on_signals, wait_for_end
from receiver.web.open_files import allow_many_files
from receiver.web.request_heads import parser_limits
from receiver.web.tls import Listening
from storage.kernels.memory import keep_freed_memory

logger = logging.getLogger(__name__)


def serve(config: Config, place: Place = ALONE) -> int:
    """Serve until SIGTERM or SIGINT; the exit code. place: among the processes of a server. Raises
    ConfigError, or OSError if the address cannot be had."""
    check(config)
    # When a counter was made is of no use to anyone, and would double the number of series.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    allow_many_files()
    keep_freed_memory()
    host, port = parse_listen_address(config.web.listen_address)
    listener = bind(host, port) if place.is_alone else join(host, place.port)
    with listener, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        code = runner.run(serve_until_stopped(config, listener, place))
    if any(thread.daemon for thread in threading.enumerate()):
        # A thread is still compiling kernels, or replaying the log because opening took longer than
        # we may wait. It has acknowledged nothing, and what is on disk is what a power cut would
        # leave; but it would trip over an interpreter that is taken down under it.
        logging.shutdown()
        os._exit(code)
    return code


async def serve_until_stopped(config: Config, listener: socket.socket, place: Place) -> int:
    """The exit code."""
    app = build_app(config, place)
    company = app[COMPANY]
    runner = web.AppRunner(
        app,
        access_log=None,
        # Bodies are decoded here; their encoding is refused before, where it is not known.
        auto_decompress=False,
        # Counted from the start of a connection, too, so that it bounds the first head as well.
        keepalive_timeout=config.web.read_timeout_ms / 1000,
        shutdown_timeout=config.web.shutdown_timeout_ms / 1000,
        **parser_limits(config.web if place.is_alone else company.head_limits),
    )
    try:
        await runner.setup()
    except OSError:
        # What has begun ends in order, above all a database that is being opened.
        await runner.cleanup()
        raise
    assert runner.server is not None, "BUG: set up, but without a server"
    stop = asyncio.Event()
    on_signals(stop.set, app[RELOADER].reload_now)
    inner = await meet(company, runner.server)
    leash = hold(place, stop)
    connections = Connections(runner.server, config.web, app[METRICS], app[LANE])
    listening = Listening(connections, listener)
    await listening.follow(app[ACCESS_FILES].web)
    host, port = listener.getsockname()[:2]
    logger.info("listening address=%s port=%d version=%s", host, port, program_version())
    place.report("listening")
    opened = asyncio.create_task(report_open(app[DATABASE], place))
    code = await wait_for_end(app[DATABASE], stop)
    opened.cancel()
    logger.info("stopping")
    listening.close()
    if not place.is_alone:
        await drain(company, leash, config.web.shutdown_timeout_ms / 1000)
    if inner is not None:
        inner.close()
    await runner.cleanup()
    logger.info("stopped code=%d", code)
    return code


async def meet(company: Company, server: web.Server) -> asyncio.Server | None:
    """Let the other processes of the server in, if there are any."""
    listener = company.listen()
    if listener is None:
        return None

    def connection() -> asyncio.Protocol:
        handler = server()
        mark_inner(handler, company.head_limits)
        return handler

    loop = asyncio.get_running_loop()
    return await loop.create_unix_server(connection, sock=listener, backlog=BACKLOG)


def hold(place: Place, stop: asyncio.Event) -> asyncio.Event:
    """Hold on to the parent: what is set, with `stop`, once it lets go or is gone."""
    is_cut = asyncio.Event()
    if place.leash < 0:
        return is_cut
    loop = asyncio.get_running_loop()

    def cut() -> None:
        loop.remove_reader(place.leash)
        if not stop.is_set():
            logger.error("the parent is gone")
        is_cut.set()
        stop.set()

    loop.add_reader(place.leash, cut)
    return is_cut


async def report_open(database: LateDatabase, place: Place) -> None:
    with contextlib.suppress(Exception):  # wait_for_end() meets it, too
        await database.opened()
        place.report("open")


async def drain(company: Company, leash: asyncio.Event, timeout_s: float) -> None:
    """Answer clients, and then other processes for theirs, until no one has any left."""
    await company.drained(timeout_s)
    company.place.report("drained")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await leash.wait()
