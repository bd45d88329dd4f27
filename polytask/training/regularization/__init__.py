"""Regularizers of the training itself, not of weights: `compile(regularizers=[...])`.

One file a technique. Each says by the methods of `TrainingRegularizer` where it acts.
"""

from polytask.training.regularization.adaptive_clipping import (
    AdaptiveClipping as AdaptiveClipping,
)
from polytask.training.regularization.consolidation import (
    ElasticWeightConsolidation as ElasticWeightConsolidation,
)
from polytask.training.regularization.distillation import Distillation as Distillation
from polytask.training.regularization.gradient_noise import (
    GradientNoise as GradientNoise,
)
from polytask.training.regularization.input_gradient_penalty import (
    InputGradientPenalty as InputGradientPenalty,
)
from polytask.training.regularization.jacobian_penalty import (
    JacobianPenalty as JacobianPenalty,
)
from polytask.training.regularization.magnitude_pruning import (
    MagnitudePruning as MagnitudePruning,
)
from polytask.training.regularization.mean_teacher import MeanTeacher as MeanTeacher
from polytask.training.regularization.pseudo_labels import PseudoLabels as PseudoLabels
from polytask.training.regularization.r_drop import RDrop as RDrop
from polytask.training.regularization.sam import SAM as SAM
from polytask.training.regularization.self_paced import SelfPaced as SelfPaced
from polytask.training.regularization.training_regularizer import (
    TrainedTasks as TrainedTasks,
)
from polytask.training.regularization.training_regularizer import (
    TrainingRegularizer as TrainingRegularizer,
)
from polytask.training.regularization.vat import VAT as VAT
