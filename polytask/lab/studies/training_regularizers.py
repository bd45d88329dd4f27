"""What of a variant's options acts in the train step beside the loss."""

from collections.abc import Mapping

import keras

from polytask.training.regularization import (
    SAM,
    AdaptiveClipping,
    Distillation,
    GradientNoise,
    RDrop,
    TrainingRegularizer,
)
from polytask_options import Settings

Teachers = Mapping[str, keras.Model]


def training_regularizers(
    settings: Settings, teachers: Teachers, steps: int
) -> list[TrainingRegularizer]:
    """Return the regularizers of the training, in the order in which they act.

    Args:
        settings: The options of the variant.
        teachers: Task → its own network, where the variant is taught.
        steps: The most updates of the training.
    """
    regularizers: list[TrainingRegularizer] = []
    if settings.r_drop:
        regularizers.append(RDrop(settings.r_drop))
    if settings.distillation is not None and teachers:
        options = dict(settings.distillation)
        annealed = steps if options.pop("annealing") else None
        regularizers.append(Distillation(teachers, annealing_steps=annealed, **options))
    if settings.sharpness is not None:
        regularizers.append(SAM(**settings.sharpness))
    if settings.adaptive_clipping:
        regularizers.append(AdaptiveClipping(settings.adaptive_clipping))
    if settings.gradient_noise:
        regularizers.append(GradientNoise(settings.gradient_noise))
    return regularizers
