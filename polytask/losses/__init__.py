"""Losses that Keras does not have."""

from polytask.losses.member_loss import MemberLoss
from polytask.losses.poisson_deviance import PoissonDeviance
from polytask.losses.regularized_crossentropy import RegularizedCrossentropy

__all__ = ["MemberLoss", "PoissonDeviance", "RegularizedCrossentropy"]
