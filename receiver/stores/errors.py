"""The operating errors of other stores, one tree:

StoreError          a store's part of an answer is not to be had, or not all of it
+-- LyingStore      it sent what it must not send
"""


class StoreError(Exception):
    """str() says what happened, without the name of the store."""


class LyingStore(StoreError):
    """What a store sent is damaged, too much, or not what was asked for."""
