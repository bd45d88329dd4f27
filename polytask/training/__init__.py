"""Train steps: the only place that imports JAX, TensorFlow or PyTorch."""

import keras

from polytask.training.cut_mix import CutMix
from polytask.training.manifold_mixup import ManifoldMixup
from polytask.training.mixup import Mixup
from polytask.training.regularization import (
    SAM,
    VAT,
    AdaptiveClipping,
    Distillation,
    ElasticWeightConsolidation,
    GradientNoise,
    InputGradientPenalty,
    JacobianPenalty,
    MagnitudePruning,
    MeanTeacher,
    PseudoLabels,
    RDrop,
    SelfPaced,
    TrainingRegularizer,
)
from polytask.training.task_mixture import TaskMixture

if keras.backend.backend() == "jax":
    from polytask.training.autodiff_jax import (
        building_scope,
        end_training,
        train_step,
    )
    from polytask.training.replicas import assign
elif keras.backend.backend() == "tensorflow":
    from polytask.training.autodiff_tensorflow import (  # type: ignore[assignment]
        building_scope,
        end_training,
        train_step,
    )
    from polytask.training.replicas_tensorflow import assign
elif keras.backend.backend() == "torch":
    from polytask.training.autodiff_torch import (  # type: ignore[assignment]
        building_scope,
        end_training,
        train_step,
    )
    from polytask.training.replicas import assign
else:
    raise ImportError(
        f'polytask trains on the Keras backends "jax", "tensorflow" and "torch"; '
        f'KERAS_BACKEND is "{keras.backend.backend()}".'
    )

__all__ = [
    "SAM",
    "VAT",
    "AdaptiveClipping",
    "CutMix",
    "Distillation",
    "ElasticWeightConsolidation",
    "GradientNoise",
    "InputGradientPenalty",
    "JacobianPenalty",
    "MagnitudePruning",
    "ManifoldMixup",
    "MeanTeacher",
    "Mixup",
    "PseudoLabels",
    "RDrop",
    "SelfPaced",
    "TaskMixture",
    "TrainingRegularizer",
    "assign",
    "building_scope",
    "end_training",
    "train_step",
]
