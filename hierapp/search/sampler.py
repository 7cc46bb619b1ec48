"""Questions to Optuna: what to try next, whether a trial is unpromising, which parameters mattered.

Each question builds the study from the current trials, so that no Optuna state is stored or repaired. The sampler is
TPE (Bergstra et al. 2011) as implemented in Optuna: the first ten trials are random, the others are chosen to be good
given the previous ones; running trials count as bad ones, so that two parallel trials do not try the same values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hierapp.search.plan import METRICS, Plan
from hierapp.search.space import Dimension, Value
from hierapp.search.trials import Trial

if TYPE_CHECKING:
    import optuna

RANDOM_TRIALS = 10  # before the sampler learns from the results
SPARED_TRIALS = 5  # finished trials before any is pruned
SPARED_SHARE = 0.2  # the share of the epochs in which no trial is pruned
ENOUGH = 10  # finished trials required for importances
GOOD_TRIALS, GOOD_SHARE = 5, 0.1  # the number and share of best trials that importances are about


def ask(plan: Plan, trials: Sequence[Trial]) -> dict[str, Value]:
    """Return the values of the next trial by name; deterministic for the same trials."""
    trial = _study(plan, trials).ask()
    params: dict[str, Value] = {}
    known = plan.start()
    for dimension in plan.dimensions:
        if dimension.says_something(known):
            params[dimension.name] = known[dimension.name] = dimension.clean(_suggest(trial, dimension))
    return params


def should_prune(plan: Plan, trials: Sequence[Trial], number: int) -> bool:
    """Return whether the pruner stops a trial.

    It does so after five finished trials and a fifth of the trial's epochs, if its best epoch so far is worse than the
    median of theirs at the same epoch.
    """
    if plan.pruner == "off" or not trials[number].values:
        return False
    study = _study(plan, trials)
    return study.pruner.prune(study, study.get_trials(deepcopy=False)[number])


def importances(plan: Plan, trials: Sequence[Trial]) -> dict[str, float]:
    """Return the importance of each parameter for a trial being among the best.

    The importances are shares of 1, the largest first, by PED-ANOVA (Watanabe et al. 2023), which also handles
    parameters that belong to one loss only. The result is empty while there are too few trials.
    """
    sign = -1 if METRICS[plan.metric].more_is_better else 1
    values = sorted(sign * trial.value for trial in trials if trial.state == "finished" and trial.value is not None)
    if len(values) < ENOUGH:
        return {}
    share = max(GOOD_SHARE, GOOD_TRIALS / len(values))
    if values[math.ceil(share * len(values)) - 1] == values[-1]:
        return {}  # all equal
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances  # imports scikit-learn

    evaluator = PedAnovaImportanceEvaluator(target_quantile=share)
    return get_param_importances(_study(plan, trials), evaluator=evaluator)


def _study(plan: Plan, trials: Sequence[Trial]) -> optuna.Study:
    """Return the study with the trials in their order."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # A different seed for each question; otherwise all random trials would be the same.
    seed = int(np.random.SeedSequence([plan.seed, len(trials)]).generate_state(1)[0])
    study = optuna.create_study(
        direction="maximize" if METRICS[plan.metric].more_is_better else "minimize",
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=RANDOM_TRIALS),
        pruner=optuna.pruners.MedianPruner(
            n_startup_trials=SPARED_TRIALS, n_warmup_steps=math.ceil(SPARED_SHARE * plan.epochs)
        ),
    )
    distributions = {dimension.name: _distribution(dimension) for dimension in plan.dimensions}
    for trial in trials:
        study.add_trial(
            optuna.create_trial(
                state=_state(trial),
                value=trial.value if trial.state == "finished" else None,
                params=trial.params,
                distributions={name: distributions[name] for name in trial.params},
                intermediate_values=dict(trial.values),
            )
        )
    return study


def _state(trial: Trial) -> optuna.trial.TrialState:
    from optuna.trial import TrialState

    if trial.state == "finished":
        return TrialState.FAIL if trial.value is None else TrialState.COMPLETE
    if trial.state == "pruned":
        return TrialState.PRUNED
    # Stopped and interrupted trials resume with the search, so they count as running.
    return TrialState.RUNNING if trial.is_open or trial.state in ("stopped", "interrupted") else TrialState.FAIL


def _distribution(dimension: Dimension) -> optuna.distributions.BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if dimension.choices:
        return CategoricalDistribution(dimension.choices)
    if dimension.whole:
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def _suggest(trial: optuna.Trial, dimension: Dimension) -> Any:
    if dimension.choices:
        return trial.suggest_categorical(dimension.name, dimension.choices)
    if dimension.whole:
        return trial.suggest_int(dimension.name, int(dimension.low), int(dimension.high), log=dimension.log)
    return trial.suggest_float(dimension.name, dimension.low, dimension.high, log=dimension.log)
