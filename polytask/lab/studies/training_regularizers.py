"""What of a variant's options acts in the train step beside the loss."""

from polytask.training.regularization import (
    SAM,
    AdaptiveClipping,
    GradientNoise,
    TrainingRegularizer,
)
from polytask_options import Settings


def training_regularizers(settings: Settings) -> list[TrainingRegularizer]:
    """Return the regularizers of the training, in the order in which they act.

    Args:
        settings: The options of the variant.
    """
    regularizers: list[TrainingRegularizer] = []
    if settings.sharpness is not None:
        regularizers.append(SAM(**settings.sharpness))
    if settings.adaptive_clipping:
        regularizers.append(AdaptiveClipping(settings.adaptive_clipping))
    if settings.gradient_noise:
        regularizers.append(GradientNoise(settings.gradient_noise))
    return regularizers
