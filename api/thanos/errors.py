"""What only Thanos' queriers can be answered with, beyond the API's own errors."""

from api.errors import ApiError


class Incomplete(ApiError):
    """Something may be missing of the answer, and whoever asks wants all or nothing."""

    kind = "execution"
