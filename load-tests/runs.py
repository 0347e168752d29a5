"""One run: a corpus sent from another process, and what it cost the server."""

import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

from bodies import Corpus
from report import Ingest
from sender import Result, Spec
from servers import Server, ServerError

SEND_TIMEOUT_S = 600.0
SENDER_START_S = 60.0
CONTENT_TYPE = "application/x-protobuf"


def say(text: str) -> None:
    """Progress, on standard error."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


def send(
    server: Server,
    corpus: Corpus,
    connections: int,
    *,
    content_type: str = CONTENT_TYPE,
    tenants: int = 0,
    bodies_per_second: float = 0.0,
) -> Result:
    """Push the corpus from another process, as fast as it is taken or as it is due. Raises
    ServerError if it could not be sent."""
    spec = Spec(
        port=server.port,
        path="/api/v1/write",
        file=corpus.path,
        offsets=corpus.offsets,
        slices=corpus.slices,
        connections=connections,
        timeout_s=SEND_TIMEOUT_S,
        content_type=content_type,
        tenants=tenants,
        bodies_per_second=bodies_per_second,
    )
    path = server.directory / "send.json"
    path.write_text(json.dumps(asdict(spec)))
    script = Path(__file__).with_name("sender.py")
    # run() kills the sender if it is interrupted or late.
    done = subprocess.run(
        [sys.executable, str(script), str(path)],
        capture_output=True,
        text=True,
        timeout=SEND_TIMEOUT_S + SENDER_START_S,
        check=False,
        start_new_session=True,
    )
    if done.returncode:
        raise ServerError(done.stderr.strip())
    return Result(**json.loads(done.stdout))


def ingest(
    server: Server,
    corpus: Corpus,
    connections: int,
    *,
    content_type: str = CONTENT_TYPE,
    tenants: int = 0,
) -> Ingest:
    """Send the corpus and note what that took. Raises ServerError."""
    before_s = server.cpu_s()
    sent = send(server, corpus, connections, content_type=content_type, tenants=tenants)
    run = Ingest(
        connections,
        corpus.series,
        corpus.samples,
        sent,
        server.cpu_s() - before_s,
        server.rss_peak_bytes(),
    )
    title = f"{server.program.title}, {connections} connections"
    say(f"{title}: {run.per_second:,.0f} samples/s, {run.refused} requests refused")
    return run
