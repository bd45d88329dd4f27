"""Losses that Keras does not have."""

from polytask.losses.member_loss import MemberLoss

__all__ = ["MemberLoss"]
