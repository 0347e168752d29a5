"""The headers by which browsers may call the API from other origins."""

import re2

ALLOWED = {
    "Access-Control-Allow-Headers": "Accept, Authorization, Content-Type, Origin",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Expose-Headers": "Date",
}


class Cors:
    """Decides by the Origin header. origin: a regular expression, matched in full.

    Raises ValueError if it is none.
    """

    def __init__(self, origin: str) -> None:
        self._any = origin == ".*"
        options = re2.Options()
        options.log_errors = False
        try:
            self._origin = re2.compile(origin, options)
        except re2.error as error:
            raise ValueError(f"api.cors-origin: {origin!r} is no regular expression") from error

    def headers(self, origin: str | None) -> dict[str, str]:
        """The headers of an answer; Vary is among them always."""
        headers = {"Vary": "Origin, Accept, Accept-Encoding"}
        if origin is None or not (self._any or self._origin.fullmatch(origin)):
            return headers
        return headers | ALLOWED | {"Access-Control-Allow-Origin": "*" if self._any else origin}
