"""Questions to Optuna: what to try next, whether a trial is unpromising, which parameters mattered.

The study is in the journal of the search. The sampler is TPE (Bergstra et al. 2011) as implemented in Optuna: the first
ten trials are random, the others are chosen to be good given the previous ones; running trials count as bad ones, so
that two parallel trials do not try the same values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

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


def ask(plan: Plan, study: optuna.Study) -> dict[str, Value]:
    """Return the values of the next trial by name; deterministic for the same trials. Adds no trial."""
    import optuna

    # Loaded again, because the sampler looks at the trials that a study object has cached.
    study = optuna.load_study(study_name=study.study_name, storage=study._storage)
    count = len(study.get_trials(deepcopy=False))
    # A different seed for each question; otherwise all random trials would be the same.
    seed = int(np.random.SeedSequence([plan.seed, count]).generate_state(1)[0])
    tpe = optuna.samplers.TPESampler(seed=seed, n_startup_trials=RANDOM_TRIALS)
    trial = optuna.create_trial(state=optuna.trial.TrialState.RUNNING)
    trial.number = count
    params: dict[str, Value] = {}
    known = plan.start()
    for dimension in plan.dimensions:
        if dimension.says_something(known):
            value = tpe.sample_independent(study, trial, dimension.name, distribution_of(dimension))
            params[dimension.name] = known[dimension.name] = dimension.clean(value)
    return params


def add(plan: Plan, study: optuna.Study, params: dict[str, Value]) -> None:
    """Add a trial with these values, in one operation."""
    import optuna

    distributions = {dimension.name: distribution_of(dimension) for dimension in plan.dimensions}
    study.add_trial(
        optuna.create_trial(
            state=optuna.trial.TrialState.RUNNING,
            params=params,
            distributions={name: distributions[name] for name in params},
        )
    )


def adopt(plan: Plan, study: optuna.Study) -> None:
    """Take over the trials that another program, such as optuna-dashboard, has enqueued."""
    from optuna.trial import TrialState

    storage = study._storage
    for trial in study.get_trials(deepcopy=False, states=[TrialState.WAITING]):
        given = trial.system_attrs.get("fixed_params", {})
        for dimension in plan.dimensions:
            with suppress(LookupError, TypeError, ValueError, StopIteration):  # a value that the plan does not have
                distribution = distribution_of(dimension)
                value = distribution.to_internal_repr(dimension.clean(given[dimension.name]))
                storage.set_trial_param(trial._trial_id, dimension.name, value, distribution)
        storage.set_trial_state_values(trial._trial_id, TrialState.RUNNING)


def tell(study: optuna.Study, trials: Sequence[Trial]) -> None:
    """Bring the study up to date: the metric of each epoch so far, and how trials have ended."""
    storage = study._storage
    for trial, known in zip(trials, study.get_trials(deepcopy=False), strict=False):
        if known.state.is_finished():
            continue
        for epoch, value in trial.values:
            if known.intermediate_values.get(epoch) != value:
                storage.set_trial_intermediate_value(known._trial_id, epoch, value)
        state = state_of(trial)
        if state.is_finished():
            storage.set_trial_state_values(known._trial_id, state, values_of(trial))


def should_prune(plan: Plan, study: optuna.Study, number: int) -> bool:
    """Return whether the pruner stops a trial.

    It does so after five finished trials and a fifth of the trial's epochs, if its best epoch so far is worse than the
    median of theirs at the same epoch.
    """
    import optuna

    trial = study.get_trials(deepcopy=False)[number]
    if plan.pruner == "off" or not trial.intermediate_values:
        return False
    warmup = math.ceil(SPARED_SHARE * plan.epochs)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=SPARED_TRIALS, n_warmup_steps=warmup)
    return pruner.prune(study, trial)


def importances(plan: Plan, study: optuna.Study) -> dict[str, float]:
    """Return the importance of each parameter for a trial being among the best.

    The importances are shares of 1, the largest first, by PED-ANOVA (Watanabe et al. 2023), which also handles
    parameters that belong to one loss only. The result is empty while there are too few trials.
    """
    import optuna

    complete = study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE])
    sign = -1 if METRICS[plan.metric].more_is_better else 1
    values = sorted(sign * trial.value for trial in complete if trial.value is not None)
    if len(values) < ENOUGH:
        return {}
    share = max(GOOD_SHARE, GOOD_TRIALS / len(values))
    if values[math.ceil(share * len(values)) - 1] == values[-1]:
        return {}  # all equal
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances  # imports scikit-learn

    return get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(target_quantile=share))


def state_of(trial: Trial) -> optuna.trial.TrialState:
    """Return what a trial's state is to Optuna."""
    from optuna.trial import TrialState

    if trial.state == "finished":
        return TrialState.FAIL if trial.value is None else TrialState.COMPLETE
    if trial.state == "pruned":
        return TrialState.PRUNED
    # Stopped and interrupted trials resume with the search, so they count as running.
    return TrialState.RUNNING if trial.is_open or trial.state in ("stopped", "interrupted") else TrialState.FAIL


def values_of(trial: Trial) -> list[float] | None:
    """Return the value that Optuna stores with a trial that has ended; None if it has none."""
    if trial.state == "pruned" and trial.values:
        return [trial.values[-1][1]]
    return [trial.value] if trial.state == "finished" and trial.value is not None else None


def distribution_of(dimension: Dimension) -> optuna.distributions.BaseDistribution:
    """Return what a dimension is to Optuna."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if dimension.choices:
        return CategoricalDistribution(dimension.choices)
    if dimension.whole:
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log)
