"""Refusals: what was not stored, why, and who had sent it.

A refusal is data and not an exception: counted by reason, answered to the sender, kept in a ledger
of bounded size. The codes are in `storage.reasons`, the texts here. Begin with `samples`.
"""
