"""For each shipped alert, series for which it fires; and series of a healthy server.

Values are in promtool's notation, a value each minute: 'a+bxn' grows by b, n times.
"""

from __future__ import annotations

from dataclasses import dataclass

OF = 'job="cupola",instance="a"'
EVER = "x600"


@dataclass(frozen=True, slots=True)
class Case:
    """Series, when to look, and the labels of the alerts that fire then, their own names aside."""

    series: dict[str, str]
    at: str
    firing: tuple[str, ...]


def one(series: str, values: str, at: str, firing: str) -> Case:
    return Case({series: values}, at, (firing,))


def share(part: str, whole: str, at: str, firing: str, *, more: int = 1, of: int = 2) -> Case:
    """Of a counter, more a minute in one series than all is in another."""
    return Case({part: f"0+{more}{EVER}", whole: f"0+{of}{EVER}"}, at, (firing,))


def slow(metric: str, labels: str, seconds: str, at: str, firing: str) -> Case:
    """A histogram whose requests all take longer than the bucket before `seconds`."""
    series = {
        f'{metric}_bucket{{{labels},le="0.1"}}': f"0{EVER}",
        f'{metric}_bucket{{{labels},le="{seconds}"}}': f"0+10{EVER}",
        f'{metric}_bucket{{{labels},le="+Inf"}}': f"0+10{EVER}",
    }
    return Case(series, at, (firing,))


GROUP = 'tenant="t",rule_group="f;g"'
AM = 'alertmanager="http://am"'
CLUSTER = 'tenant="t",ha_cluster="1"'
SILENCE = "cupola_replica_silence_seconds"

CASES = {
    "CupolaDown": one(f"up{{{OF}}}", f"0{EVER}", "6m", OF),
    "CupolaNotReady": one(f"cupola_ready{{{OF}}}", f"0{EVER}", "16m", OF),
    "CupolaRestarting": one(f"cupola_process_start_time_seconds{{{OF}}}", "0+600x10", "10m", OF),
    "CupolaKernelsMissing": one(f"cupola_kernels_warm{{{OF}}}", f"0{EVER}", "61m", OF),
    "CupolaFilesRunOut": Case(
        {
            f"cupola_process_open_fds{{{OF}}}": f"90{EVER}",
            f"cupola_process_max_fds{{{OF}}}": f"100{EVER}",
        },
        "16m",
        (OF,),
    ),
    "CupolaConnectionsRefused": one(
        f"cupola_refused_connections_total{{{OF}}}", f"0+5{EVER}", "15m", OF
    ),
    "CupolaReloadFails": one(
        f'cupola_reload_successful{{{OF},setting="limits.file"}}',
        f"0{EVER}",
        "11m",
        f'{OF},setting="limits.file"',
    ),
    "CupolaWritesFail": share(
        f'cupola_write_requests_total{{{OF},code="503"}}',
        f'cupola_write_requests_total{{{OF},code="204"}}',
        "20m",
        OF,
    ),
    "CupolaWritesSlow": slow("cupola_write_request_duration_seconds", OF, "10", "30m", OF),
    "CupolaWritesPileUp": one(
        f'cupola_write_queue_requests{{{OF},shard="0003"}}', f"500{EVER}", "11m", OF
    ),
    "CupolaSamplesRefused": share(
        f'cupola_rejected_samples_total{{{OF},tenant="t",reason="too_old"}}',
        f'cupola_ingested_samples_total{{{OF},tenant="t"}}',
        "30m",
        'job="cupola",tenant="t"',
        of=50,
    ),
    "CupolaQueriesFail": share(
        f'cupola_api_request_errors_total{{{OF},endpoint="query",type="internal"}}',
        f'cupola_api_request_duration_seconds_count{{{OF},endpoint="query"}}',
        "20m",
        OF,
    ),
    "CupolaQueriesSlow": slow(
        "cupola_api_request_duration_seconds", f'{OF},endpoint="query"', "100", "30m", OF
    ),
    "CupolaQueriesRefused": one(
        f"cupola_api_requests_rejected_total{{{OF}}}", f"0+5{EVER}", "20m", OF
    ),
    "CupolaLogDamaged": one(f"cupola_wal_damage_total{{{OF}}}", "0x5 1x60", "10m", OF),
    "CupolaSegmentsDamaged": one(f"cupola_segment_damage_total{{{OF}}}", "0x5 1x60", "10m", OF),
    "CupolaSegmentsSetAside": one(
        f'cupola_segments_set_aside{{{OF},shard="0000"}}', f"2{EVER}", "20m", OF
    ),
    "CupolaNothingSealed": Case(
        {
            f"cupola_seal_duration_seconds_count{{{OF}}}": f"7{EVER}",
            f'cupola_ingested_samples_total{{{OF},tenant="t"}}': f"0+100{EVER}",
            f"cupola_process_start_time_seconds{{{OF}}}": f"0{EVER}",
        },
        "8h",
        (OF,),
    ),
    "CupolaCompactionFails": one(f"cupola_compaction_failures_total{{{OF}}}", "0+1x60", "30m", OF),
    "CupolaCompactionBehind": one(
        f'cupola_compaction_waiting_age_seconds{{{OF},shard="0000"}}', f"100000{EVER}", "2h", OF
    ),
    "CupolaBucketBehind": Case(
        {
            f"cupola_bucket_contents_timestamp_seconds{{{OF}}}": f"1{EVER}",
            f"cupola_bucket_waiting_segments{{{OF}}}": f"3{EVER}",
        },
        "2h",
        (OF,),
    ),
    "CupolaBucketFails": share(
        f'cupola_objstore_failures_total{{{OF},operation="put"}}',
        f'cupola_objstore_requests_total{{{OF},operation="put"}}',
        "30m",
        OF,
    ),
    "CupolaRulesFail": one(
        f"prometheus_rule_evaluation_failures_total{{{OF},{GROUP}}}", f"0+1{EVER}", "30m", GROUP
    ),
    "CupolaRuleGroupsLate": one(
        f"prometheus_rule_group_iterations_missed_total{{{OF},{GROUP}}}",
        f"0+1{EVER}",
        "30m",
        GROUP,
    ),
    "CupolaRuleGroupsSlow": Case(
        {
            f"prometheus_rule_group_last_duration_seconds{{{OF},{GROUP}}}": f"90{EVER}",
            f"prometheus_rule_group_interval_seconds{{{OF},{GROUP}}}": f"60{EVER}",
        },
        "20m",
        (GROUP,),
    ),
    "CupolaAlertmanagerUnreachable": share(
        f'prometheus_notifications_errors_total{{{OF},{AM},tenant="t"}}',
        f'prometheus_notifications_sent_total{{{OF},{AM},tenant="t"}}',
        "30m",
        AM,
        more=9,
        of=10,
    ),
    "CupolaAlertsDropped": one(
        f'prometheus_notifications_dropped_total{{{OF},{AM},tenant="t"}}', "0x5 4x60", "8m", AM
    ),
    "CupolaProcessAway": one(
        f'cupola_process_open{{{OF},process="1"}}', f"0{EVER}", "20m", f'{OF},process="1"'
    ),
    "CupolaStoresSilent": one(f"cupola_stores_unhealthy{{{OF}}}", f"2{EVER}", "20m", OF),
    "CupolaReplicaSilent": Case(
        {
            f'{SILENCE}{{{CLUSTER},ha_replica="a"}}': f"130{EVER}",
            f'{SILENCE}{{{CLUSTER},ha_replica="b"}}': f"2{EVER}",
            f'{SILENCE}{{{CLUSTER},ha_replica="c"}}': f"900{EVER}",
        },
        "5m",
        (f'{CLUSTER},ha_replica="a"', f'{CLUSTER},ha_replica="c"'),
    ),
    "CupolaClusterSilent": Case(
        {
            f'{SILENCE}{{{CLUSTER},ha_replica="a"}}': f"400{EVER}",
            f'{SILENCE}{{{CLUSTER},ha_replica="b"}}': f"500{EVER}",
        },
        "5m",
        (CLUSTER,),
    ),
    "CupolaReplicasLeftOut": one(f"cupola_replicas_left_out{{{OF}}}", f"5{EVER}", "20m", OF),
}

# Nothing fires for these. Both replicas are a little behind, which is no silence.
HEALTHY: tuple[dict[str, str], ...] = (
    {f"up{{{OF}}}": f"1{EVER}", f"cupola_ready{{{OF}}}": f"1{EVER}"},
    {f"cupola_kernels_warm{{{OF}}}": f"1{EVER}"},
    {
        f"cupola_process_start_time_seconds{{{OF}}}": f"0{EVER}",
        f"cupola_seal_duration_seconds_count{{{OF}}}": f"0+1{EVER}",
        f'cupola_ingested_samples_total{{{OF},tenant="t"}}': f"0+1000{EVER}",
        f'cupola_rejected_samples_total{{{OF},tenant="t",reason="too_old"}}': f"0+1{EVER}",
    },
    {
        f"cupola_process_open_fds{{{OF}}}": f"10{EVER}",
        f"cupola_process_max_fds{{{OF}}}": f"100{EVER}",
        f"cupola_refused_connections_total{{{OF}}}": f"3{EVER}",
    },
    {
        f'cupola_write_requests_total{{{OF},code="204"}}': f"0+100{EVER}",
        f'cupola_write_requests_total{{{OF},code="503"}}': f"0+1{EVER}",
    },
    {
        f"cupola_bucket_contents_timestamp_seconds{{{OF}}}": f"0{EVER}",
        f"cupola_bucket_waiting_segments{{{OF}}}": f"0{EVER}",
    },
    {
        f'{SILENCE}{{{CLUSTER},ha_replica="a"}}': f"20{EVER}",
        f'{SILENCE}{{{CLUSTER},ha_replica="b"}}': f"100{EVER}",
    },
    {
        f"prometheus_rule_group_last_duration_seconds{{{OF},{GROUP}}}": f"1{EVER}",
        f"prometheus_rule_group_interval_seconds{{{OF},{GROUP}}}": f"60{EVER}",
    },
)
