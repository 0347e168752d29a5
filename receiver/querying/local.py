"""Evaluates a query on a data directory that is only read.

What a server compacts away meanwhile is seen as it is then (receiver.looking).
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from api.errors import classify, invalid_parameter, is_foreseen
from api.forms import Params
from api.params import (
    QueryParams,
    ReplicaParams,
    instant_time_ms,
    query_params,
    range_params,
    tenants_of,
)
from api.promql.bounds import Bound
from api.promql.engine import Engine
from api.promql.features import parse_features
from api.promql.queryable import Queryable
from api.promql.vectors.value import Result
from api.times import AUTO, parse_resolution_ms
from receiver.looking import read_directory
from receiver.querying.question import RANGE, QueryFailed, Question
from receiver.settings.algorithms import tenant_algorithms
from receiver.settings.config import Config, ConfigError
from storage.dedup.algorithm import Algorithm
from storage.errors import FormatError
from storage.read.federation import FederatedQuerier
from storage.read.querier import StorageQuerier
from storage.read_only import ReadOnlyDatabase

Evaluate = Callable[[Queryable], Result]


def evaluate(config: Config, question: Question) -> tuple[Result, QueryParams]:
    """The result, and the parameters that say how it is to be shown.

    Raises QueryFailed as the API answers, StorageError if the directory cannot be read, and
    ConfigError.
    """
    try:
        engine = Engine(config.query, parse_features(config.program.features))
    except ValueError as error:
        raise ConfigError(str(error)) from error
    try:
        return evaluate_with(engine, config, question)
    except Exception as error:
        if not is_foreseen(error) or isinstance(error, FormatError):
            raise
        failure = classify(error)
        raise QueryFailed(failure.kind, failure.text) from error
    finally:
        engine.close()


def evaluate_with(engine: Engine, config: Config, question: Question) -> tuple[Result, QueryParams]:
    given = Params.parse(question.form, fields_max=config.api.form_fields_max)
    ask, params = asked(engine, question, given)
    headers = {"X-Scope-OrgID": question.tenant}
    tenants = tenants_of(headers, tenants_max=config.api.federated_tenants_max)

    def work(database: ReadOnlyDatabase) -> Result:
        members = [(name, querier(database, config, name, params.replicas)) for name in tenants]
        return ask(members[0][1] if len(members) == 1 else FederatedQuerier(members))

    return read_directory(config, work), params


def asked(engine: Engine, question: Question, given: Params) -> tuple[Evaluate, QueryParams]:
    """What evaluates the query, and its parameters. Raises BadData and errors of parsing before
    anything is read."""
    if question.endpoint == RANGE:
        times = range_params(given, Bound(engine.options.max_steps, "query.max-steps"))
        params = query_params(given)
        range_query = partial(
            engine.range_query,
            text=params.text,
            start_ms=times.start_ms,
            end_ms=times.end_ms,
            step_ms=times.step_ms,
            lookback_ms=params.lookback_ms,
            timeout_ms=params.timeout_ms,
            resolution_ms=resolution_of(engine, given, times.step_ms),
        )
        ask: Evaluate = range_query
    else:
        time_ms = instant_time_ms(given, now_ms=time.time_ns() // 1_000_000)
        params = query_params(given)
        ask = partial(
            engine.instant_query,
            text=params.text,
            time_ms=time_ms,
            lookback_ms=params.lookback_ms,
            timeout_ms=params.timeout_ms,
            resolution_ms=resolution_of(engine, given, 0),
        )
    engine.parse(params.text)
    return ask, replace(params, provenance=False)


def resolution_of(engine: Engine, given: Params, step_ms: int) -> int:
    """The coarsest resolution that is allowed, in ms. Raises BadData."""
    default = AUTO if engine.options.auto_downsampling else "0"
    text = given.first("max_source_resolution") or default
    try:
        return parse_resolution_ms(text, step_ms)
    except ValueError as error:
        raise invalid_parameter("max_source_resolution", error) from None


def querier(
    database: ReadOnlyDatabase, config: Config, tenant: str, wishes: ReplicaParams
) -> StorageQuerier:
    """A view of one tenant, as the API has it."""
    options = config.dedup
    algorithm = tenant_algorithms(options.tenant_algorithms).get(
        tenant, Algorithm(options.algorithm)
    )
    return database.querier(
        tenant,
        replica_labels=wishes.labels or options.replica_labels,
        dedup=wishes.dedup,
        algorithm=wishes.algorithm or algorithm,
    )
