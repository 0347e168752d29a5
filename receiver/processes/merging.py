"""One document of the parts that all processes have of it.

Invariant: what a process does not answer is an error of the whole, but where it is the news itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from aiohttp import web

from receiver.processes.identity import answered_headers
from receiver.processes.passing import tenants_of, unavailable
from receiver.processes.peers import NoAnswer, Part

# What a `data` is made of those of all processes.
Merge = Callable[[Sequence[Any]], Any]
Answering = Callable[[web.Request, Sequence[Part | NoAnswer]], web.Response]


def merged(merge: Merge, within: str = "data") -> Answering:
    """The merger of a document in the envelope of the API, or, with within="", without one."""

    def answer(request: web.Request, parts: Sequence[Part | NoAnswer]) -> web.Response:
        answered = [part for part in parts if isinstance(part, Part)]
        if len(answered) < len(parts):
            return unavailable(request, lost(parts))
        refused = [part for part in answered if part.status != 200]
        if refused:
            return passed(refused[0], refused[0].body)
        found = [json.loads(part.body) for part in answered]
        if within:
            whole = {"status": "success", within: merge([each[within] for each in found])}
        else:
            whole = merge(found)
        return passed(answered[0], json.dumps(whole).encode())

    return answer


def rejected(request: web.Request, parts: Sequence[Part | NoAnswer]) -> web.Response:
    """The refusals of all, newest first, as many as are wanted, and the counts of each reason."""

    def merge(found: Sequence[Any]) -> dict[str, Any]:
        entries = [entry for data in found for entry in data["rejected"]]
        entries.sort(key=lambda entry: -float(entry["lastSeen"]))
        counts: dict[tuple[str, str], dict[str, Any]] = {}
        for tally in (tally for data in found for tally in data["counts"]):
            known = counts.setdefault((tally["tenant"], tally["reason"]), tally)
            if known is not tally:
                known["count"] += tally["count"]
                known["firstSeen"] = min(known["firstSeen"], tally["firstSeen"])
                known["lastSeen"] = max(known["lastSeen"], tally["lastSeen"])
        tallies = sorted(counts.values(), key=lambda tally: -float(tally["lastSeen"]))
        return {"rejected": limited(request, entries), "counts": tallies}

    return merged(merge)(request, parts)


def active_queries(request: web.Request, parts: Sequence[Part | NoAnswer]) -> web.Response:
    """The requests under way in all processes, the oldest first. Of process k of n, what it knows
    by number i has the id i * n + k."""
    return queries(request, parts, lambda query: float(query["started"]))


def slow_queries(request: web.Request, parts: Sequence[Part | NoAnswer]) -> web.Response:
    """The slow ones of all processes, by when they ended, the newest first."""
    return queries(request, parts, lambda query: -(float(query["started"]) + query["seconds"]))


def queries(
    request: web.Request,
    parts: Sequence[Part | NoAnswer],
    order: Callable[[dict[str, Any]], float],
) -> web.Response:
    def merge(found: Sequence[Any]) -> dict[str, Any]:
        listed = [
            query | {"id": str(int(query["id"]) * len(found) + number)}
            for number, data in enumerate(found)
            for query in data["queries"]
        ]
        return {"queries": limited(request, sorted(listed, key=order))}

    return merged(merge)(request, parts)


def deletions(request: web.Request, parts: Sequence[Part | NoAnswer]) -> web.Response:
    """Those of the processes that have tenants of the request, by tenant in its order."""
    named = tenants_of(request.headers)

    def merge(found: Sequence[Any]) -> dict[str, Any]:
        listed = [deletion for data in found for deletion in data["deletions"]]
        return {"deletions": sorted(listed, key=lambda each: named.index(each["tenant"]))}

    return merged(merge)(request, parts)


def user_stats(request: web.Request, parts: Sequence[Part | NoAnswer]) -> web.Response:
    """The sums of what the processes have that have tenants of the request."""

    def add(found: Sequence[Any]) -> dict[str, float]:
        return {name: sum(each[name] for each in found) for name in found[0]}

    return merged(add, within="")(request, parts)


def limited(request: web.Request, entries: list[Any]) -> list[Any]:
    """As many as the request wants."""
    wanted = request.query.get("limit", "")
    return entries[: int(wanted)] if wanted.isdigit() and int(wanted) else entries


def ready(request: web.Request, parts: Sequence[Part | NoAnswer]) -> web.Response:
    """200 once all are ready; else what each that is not says."""
    problems = [
        str(part) if isinstance(part, NoAnswer) else f"process {number}: {part.body.decode()}"
        for number, part in enumerate(parts)
        if not isinstance(part, Part) or part.status != 200
    ]
    if problems:
        text = "".join(f"{problem.rstrip()}\n" for problem in problems)
        return web.Response(status=503, text=text)
    (first, *_) = (part for part in parts if isinstance(part, Part))
    return passed(first, first.body)


def passed(part: Part, body: bytes) -> web.Response:
    """An answer like that of one process, with another body."""
    headers = answered_headers(part.headers)
    for name in ("Content-Length", "Content-Encoding"):
        headers.popall(name, None)
    return web.Response(status=part.status, headers=headers, body=body)


def lost(parts: Iterable[Part | NoAnswer]) -> str:
    return "; ".join(str(part) for part in parts if isinstance(part, NoAnswer))


def tenants(found: Sequence[Any]) -> dict[str, Any]:
    return {"tenants": sorted({name for data in found for name in data["tenants"]})}


def segments(found: Sequence[Any]) -> dict[str, Any]:
    """One of the jobs of compaction under way stands for all of them."""
    jobs = [data["compacting"] for data in found if data["compacting"] is not None]
    shards = [shard for data in found for shard in data["shards"]]
    return {
        "compacting": jobs[0] if jobs else None,
        "shards": sorted(shards, key=lambda shard: int(shard["shard"])),
    }


def blocks(found: Sequence[Any]) -> dict[str, Any]:
    every = [block for data in found for block in data["blocks"]]
    return {"blocks": sorted(every, key=lambda block: (block["minTime"], block["ulid"]))}


def replay(found: Sequence[Any]) -> dict[str, int]:
    return {name: sum(data[name] for data in found) for name in ("min", "max", "current")}


DOCUMENTS: dict[str, Merge] = {
    "/api/v1/status/tenants": tenants,
    "/api/v1/status/segments": segments,
    "/api/v1/status/tsdb/blocks": blocks,
    "/api/v1/status/walreplay": replay,
}
