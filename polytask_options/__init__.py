"""Everything that a study file and `polytask fit` can set, declared once.

A field of `Settings`, `Network`, `Budget` or `DataSource` says with `option` its
default, what it accepts and what it does. The keys of study files with their checks and
messages, the flags of `polytask fit` and the lines of `polytask list` follow from it.

To add an option of a variant:

1. Add a field to `Settings` in `settings.py`, beside those that act on the same thing:

       label_smoothing: float | dict[str, float] = option(
           0.0, Each(RATE), "share of a label that goes to the other classes"
       )

   Its default is the network without it: what a variant sets is stored where it differs
   from the default, so that studies of before the option continue. `search=` says
   what a search tries of it, such as `Range(1e-6, 1e-2, log=True)`.
2. Use `settings.label_smoothing` in the one place where it acts:
   `polytask/lab/studies/network.py` for the layers of a network,
   `polytask/lab/studies/train.py` for losses, optimizer, callbacks and batches.

Nothing of polytask is imported here: that would load Keras, and `polytask fit --help`
answers at once. A check that needs the library is asked of the `Place`.
"""

from polytask_options.baselines import BASELINES as BASELINES
from polytask_options.baselines import Baselines as Baselines
from polytask_options.option import Option as Option
from polytask_options.option import Sole as Sole
from polytask_options.option import changed as changed
from polytask_options.option import identity as identity
from polytask_options.option import option as option
from polytask_options.option import options as options
from polytask_options.ranges import Domain as Domain
from polytask_options.ranges import OneOf as OneOf
from polytask_options.ranges import Parts as Parts
from polytask_options.ranges import Range as Range
from polytask_options.ranges import read_domain as read_domain
from polytask_options.search import Search as Search
from polytask_options.settings import ElasticNet as ElasticNet
from polytask_options.settings import Settings as Settings
from polytask_options.study import BUNDLED as BUNDLED
from polytask_options.study import Budget as Budget
from polytask_options.study import DataSource as DataSource
from polytask_options.study import Draws as Draws
from polytask_options.study import Network as Network
from polytask_options.study import Repeats as Repeats
