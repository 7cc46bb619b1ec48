"""The modules that a run needs, for the fork server: importing this module imports them, and starts no thread.

Nothing here may use a GPU: a forked process cannot use CUDA once its parent has.
"""

import gc
import warnings

import torch._dynamo  # imported by the optimizers at their first step

import hierapp.execution.worker
import hierapp.runs.store
import hierapp.training.checkpoints
import hierapp.training.cuda_graph
import hierapp.training.trainer
import hierapp.version

__all__ = ["hierapp", "torch"]

hierapp.version.code_version()  # of the code that was imported here
# The threads that Python 3.12 and later warns of are those of OpenBLAS, which ends them before a fork.
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
# What was imported is never garbage: the collector must not write to the memory that the processes share.
gc.collect()
gc.freeze()
