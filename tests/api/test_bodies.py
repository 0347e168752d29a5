"""Bodies that are not what they claim to be, posted to every endpoint that takes one: the answer is
the endpoint's own error, in its form, and never a fault of the server."""

from __future__ import annotations

import gzip
import json

import pytest

from api.endpoints.handler import PROMETHEUS_STYLE
from api.web.options import ApiOptions
from api.web.routes import BARE_PREFIXES, PREFIXES, Api
from tests.makers.fake_store import Running, run_api

FORM, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"
LONGEST = 2_000
QUERY = b"query=1&match[]=up&time=1&start=0&end=1&step=1&selector=up&label_names[]=a"
# What is posted -> its headers and the body.
BODIES: dict[str, tuple[dict[str, str], bytes]] = {
    "nothing": ({"Content-Type": FORM}, b""),
    "gzip, named": ({"Content-Type": FORM, "Content-Encoding": "gzip"}, gzip.compress(QUERY)),
    "gzip, not named": ({"Content-Type": FORM}, gzip.compress(QUERY)),
    "named gzip and is not": ({"Content-Type": FORM, "Content-Encoding": "gzip"}, QUERY),
    "deflate that is none": ({"Content-Type": FORM, "Content-Encoding": "deflate"}, b"\0" * 90),
    "an unknown encoding": ({"Content-Type": FORM, "Content-Encoding": "x"}, QUERY),
    "a charset": ({"Content-Type": f"{FORM}; charset=utf-16"}, QUERY),
    "no type": ({}, QUERY),
    "a type that is none": ({"Content-Type": ";;="}, QUERY),
    "JSON": ({"Content-Type": "application/json"}, b'{"query": "1"}'),
    "wrong escapes": ({"Content-Type": FORM}, b"query=%zz&match[]=%&time=%1"),
    "no UTF-8": ({"Content-Type": FORM}, b"query=%ff&match[]=%c3&time=\xff\xfe&a=\0"),
    "many fields": ({"Content-Type": FORM}, b"&" * 1_900),
    "a long one": ({"Content-Type": FORM}, b"query=" + b"1" * LONGEST),
    "a multipart without an end": ({"Content-Type": MULTIPART}, b"--b\r\n"),
    "a multipart without a boundary": ({"Content-Type": "multipart/form-data"}, b"--b--\r\n"),
    "a multipart of another boundary": ({"Content-Type": MULTIPART}, b"--c\r\n\r\n--c--\r\n"),
    "snappy that is none": ({"Content-Encoding": "snappy"}, b"\xff" * 40),
}


def posts(api: Api) -> list[tuple[str, str]]:
    """Method and whole path of each endpoint that takes a body, but of those whose doing is not
    there in these tests."""
    routes = [(PREFIXES[0], api.routes()), (BARE_PREFIXES[0], api.bare_routes())]
    return [
        (method, f"{prefix}/{path.replace('{', '').replace('}', '')}")
        for prefix, own in routes
        for methods, path, _ in own
        for method in methods
        if method in ("POST", "PUT")
    ]


def style_of(api: Api, url: str) -> str:
    path = url.removeprefix(f"{PREFIXES[0]}/").removeprefix("/")
    path = path.replace("rules/namespace", "rules/{namespace}")
    style = api.styles.get(path, PROMETHEUS_STYLE)
    return "plain" if style.plain_errors else "json"


def is_refused(text: bytes) -> bool:
    """Whether an endpoint is switched off or has nothing behind it in these tests."""
    return b'"errorType":"unavailable"' in text or b"disabled" in text


@pytest.mark.parametrize("kind", BODIES)
def test_the_answer_is_the_endpoints_own(kind: str) -> None:
    headers, body = BODIES[kind]

    async def check(running: Running) -> None:
        asked = posts(running.api)
        assert len(asked) > 15
        for method, url in asked:
            sent = running.client.request(method, url, data=body, headers=headers)
            async with sent as response:
                text = await response.read()
                # What cannot be done here at all is refused as switched off, whatever is posted.
                is_off = response.status == 500 and is_refused(text)
                assert response.status < 500 or is_off, (url, response.status, text)
                if response.status < 400:
                    continue
                if style_of(running.api, url) == "plain":
                    assert response.content_type == "text/plain", url
                    continue
                assert response.content_type == "application/json", (url, text)
                answer = json.loads(text)
                assert answer["status"] == "error" and answer["error"], url

    run_api(check, options=ApiOptions(form_bytes_max=LONGEST, form_fields_max=100))


def test_a_body_that_is_too_long_is_said_to_be() -> None:
    headers, body = BODIES["a long one"]

    async def check(running: Running) -> None:
        for method, url in posts(running.api):
            sent = running.client.request(method, url, data=body, headers=headers)
            async with sent as response:
                text = await response.text()
                if response.status in (204, 404) or is_refused(text.encode()):
                    continue
                assert response.status == 400, (url, text)
                assert f"api.max-form-bytes={LONGEST}" in text, url

    run_api(check, options=ApiOptions(form_bytes_max=LONGEST))
