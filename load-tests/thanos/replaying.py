"""A store that sends messages it was given, and computes nothing: what is left is what gRPC and who
asks cost.

    python load-tests/thanos/replaying.py FILE PORT

FILE: pickled (the answer to Info, the messages of Series).
"""

from __future__ import annotations

import asyncio
import pickle
import sys
from pathlib import Path
from typing import Any

import grpc
from grpc import aio


async def main(file: str, port: str) -> None:
    info, messages = pickle.loads(Path(file).read_bytes())

    async def answer_info(request: bytes, context: Any) -> bytes:
        return bytes(info)

    async def answer_series(request: bytes, context: Any) -> None:
        for message in messages:
            await context.write(message)

    server = aio.server(options=[("grpc.max_send_message_length", -1)])
    handlers = {
        "thanos.info.Info": {"Info": grpc.unary_unary_rpc_method_handler(answer_info)},
        "thanos.Store": {"Series": grpc.unary_stream_rpc_method_handler(answer_series)},
    }
    for service, methods in handlers.items():
        handler = grpc.method_handlers_generic_handler(service, methods)
        server.add_generic_rpc_handlers((handler,))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
