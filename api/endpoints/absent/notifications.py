"""The endpoints about notifications for the pages of Prometheus, of which there are none."""

from api.answers.encoding import encode_data
from api.endpoints.handler import NOTHING, Call


class NotificationHandlers:
    """The endpoints of a program that notifies no pages."""

    def notifications(self, call: Call) -> bytes:
        return encode_data([])

    def live(self, call: Call) -> bytes:
        """204, which makes pages give up: so Prometheus answers where it has no place for one."""
        return NOTHING
