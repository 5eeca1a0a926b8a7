"""The rows of the dashboard on what the service runs on: Ray Serve and the nodes."""

from __future__ import annotations

from configs.grafana.panels import RATE, Panel, Row, quantile

CLUSTER_ROWS = (
    Row(
        title="Ray Serve",
        panels=(
            Panel(
                title="Replicas",
                unit="short",
                queries=(("sum by (deployment) (ray_serve_deployment_replica_healthy)", "{{deployment}}"),),
            ),
            Panel(
                title="Calls that wait for a replica",
                unit="short",
                queries=(("sum by (deployment) (ray_serve_deployment_queued_queries)", "{{deployment}}"),),
            ),
            Panel(
                title="Calls at replicas",
                unit="short",
                queries=(("sum by (deployment) (ray_serve_replica_processing_queries)", "{{deployment}}"),),
            ),
            Panel(
                title="Time of a call",
                unit="ms",
                queries=(
                    (quantile(0.95, "ray_serve_deployment_processing_latency_ms", "deployment"), "p95 {{deployment}}"),
                ),
                help="What a replica takes for a call, waiting inside it included.",
            ),
            Panel(
                title="Calls that failed",
                unit="reqps",
                queries=(
                    (
                        f"sum by (deployment, exception_type) (rate(ray_serve_deployment_error_counter_total{RATE}))",
                        "{{deployment}} {{exception_type}}",
                    ),
                ),
            ),
            Panel(
                title="Replicas started, in an hour",
                unit="none",
                queries=(
                    (
                        "sum by (deployment) (increase(ray_serve_deployment_replica_starts_total[1h]))",
                        "{{deployment}}",
                    ),
                ),
                help="Many of one deployment: its replicas die.",
            ),
        ),
    ),
    Row(
        title="Nodes",
        panels=(
            Panel(
                title="CPU", unit="percent", queries=(("max by (ip) (ray_node_cpu_utilization)", "{{ip}}"),), width=6
            ),
            Panel(
                title="Memory",
                unit="percentunit",
                queries=(("max by (ip) (ray_node_mem_used / ray_node_mem_total)", "{{ip}}"),),
                width=6,
            ),
            Panel(
                title="Objects in shared memory",
                unit="bytes",
                queries=(("sum by (Location) (ray_object_store_memory)", "{{Location}}"),),
                help="The samples of running requests; SPILLED lies on disk.",
                width=6,
            ),
            Panel(
                title="Room for uploads",
                unit="percentunit",
                queries=(
                    (
                        "min by (NodeAddress) (ray_hark_spool_free_bytes)"
                        " / max by (NodeAddress) (ray_hark_spool_size_bytes)",
                        "{{NodeAddress}}",
                    ),
                ),
                help="Free share of the disk of the spool.",
                width=6,
            ),
        ),
    ),
)
