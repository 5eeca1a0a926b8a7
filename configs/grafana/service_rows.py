"""The rows of the dashboard on the service: requests, recognizers, sessions, jobs, texts, credits."""

from __future__ import annotations

from configs.grafana.panels import RATE, Panel, Row, quantile, stat

_MODEL = 'model=~"$model"'
_ANSWERED = 'route!="/health"'
_RTFX = (
    f"sum by (model) (rate(ray_hark_recognizer_audio_seconds_total{{{_MODEL}}}{RATE}))"
    f" / (sum by (model) (rate(ray_hark_recognizer_busy_seconds_total{{{_MODEL}}}{RATE})) > 0)"
)
_FAULTS = (
    f'sum(rate(ray_hark_requests_total{{{_ANSWERED}, status=~"5.."}}{RATE}))'
    f" / (sum(rate(ray_hark_requests_total{{{_ANSWERED}}}{RATE})) > 0) or vector(0)"
)

SERVICE_ROWS = (
    Row(
        title="At a glance",
        panels=(
            stat("Requests", "reqps", f"sum(rate(ray_hark_requests_total{{{_ANSWERED}}}{RATE}))"),
            stat("Faults", "percentunit", _FAULTS, "Answers with a 5xx."),
            stat("Audio", "none", f"sum(rate(ray_hark_transcribed_audio_seconds_total{RATE}))", "Seconds a second."),
            stat(
                "Replicas missing",
                "short",
                "sum(ray_serve_autoscaling_target_replicas) - sum(ray_serve_deployment_replica_healthy)",
            ),
            stat("Sessions", "short", "sum(ray_hark_realtime_sessions) or vector(0)"),
            stat("Jobs queued", "short", 'max(ray_hark_jobs_open{status="queued"})'),
        ),
    ),
    Row(
        title="Requests",
        panels=(
            Panel(
                title="Answers by status",
                unit="reqps",
                queries=((f"sum by (status) (rate(ray_hark_requests_total{{{_ANSWERED}}}{RATE}))", "{{status}}"),),
                stacked=True,
            ),
            Panel(
                title="Time to answer",
                unit="s",
                queries=tuple(
                    (quantile(q, "ray_hark_request_seconds", "route", _ANSWERED), f"p{q * 100:.0f} {{{{route}}}}")
                    for q in (0.5, 0.95)
                ),
                help="By route. Transcribing takes as long as the recording asks for: see the real-time factor.",
            ),
            Panel(
                title="Refusals and faults",
                unit="reqps",
                queries=(
                    (
                        f'sum by (error_code) (rate(ray_hark_requests_total{{error_code!=""}}{RATE}))',
                        "{{error_code}}",
                    ),
                ),
            ),
        ),
    ),
    Row(
        title="Recognizers",
        panels=(
            Panel(
                title="Audio written down",
                unit="none",
                queries=(
                    (
                        f"sum by (model, urgency) (rate(ray_hark_recognizer_audio_seconds_total{{{_MODEL}}}{RATE}))",
                        "{{model}} {{urgency}}",
                    ),
                ),
                help="Seconds of audio a second, what is decoded again included.",
                stacked=True,
            ),
            Panel(
                title="RTFx of a replica",
                unit="none",
                queries=((_RTFX, "{{model}}"),),
                help="Seconds of audio for each second of engine time.",
            ),
            Panel(
                title="Audio that waits",
                unit="s",
                queries=((f"sum by (model) (ray_hark_recognizer_waiting_audio_seconds{{{_MODEL}}})", "{{model}}"),),
            ),
            Panel(
                title="Chunk: wait and decoding",
                unit="s",
                queries=tuple(
                    (
                        quantile(q, "ray_hark_recognizer_chunk_seconds", "urgency", _MODEL),
                        f"p{q * 100:.0f} {{{{urgency}}}}",
                    )
                    for q in (0.5, 0.95)
                ),
            ),
            Panel(
                title="Chunk: wait alone",
                unit="s",
                queries=((quantile(0.95, "ray_hark_recognizer_queue_seconds", "urgency", _MODEL), "p95 {{urgency}}"),),
            ),
            Panel(
                title="Chunks decoded together",
                unit="none",
                queries=(
                    (
                        f"sum by (model) (rate(ray_hark_recognizer_chunks_total{{{_MODEL}}}{RATE}))"
                        f" / (sum by (model) (rate(ray_hark_recognizer_batch_size_count{{{_MODEL}}}{RATE})) > 0)",
                        "{{model}}",
                    ),
                ),
            ),
            Panel(
                title="Engines at work",
                unit="percentunit",
                queries=(
                    (
                        f"sum by (model) (rate(ray_hark_recognizer_busy_seconds_total{{{_MODEL}}}{RATE}))"
                        f" / count by (model) (ray_hark_recognizer_busy_seconds_total{{{_MODEL}}})",
                        "{{model}}",
                    ),
                ),
                help="Share of the time in which a replica's engine works.",
            ),
            Panel(
                title="Loops and silence",
                unit="percentunit",
                queries=(
                    (
                        f"sum by (model) (rate(ray_hark_recognizer_fallbacks_total{{{_MODEL}}}{RATE}))"
                        f" / (sum by (model) (rate(ray_hark_recognizer_chunks_total{{{_MODEL}}}{RATE})) > 0)",
                        "decoded again {{model}}",
                    ),
                    (
                        f"sum by (model) (rate(ray_hark_recognizer_silent_chunks_total{{{_MODEL}}}{RATE}))"
                        f" / (sum by (model) (rate(ray_hark_recognizer_chunks_total{{{_MODEL}}}{RATE})) > 0)",
                        "without a word {{model}}",
                    ),
                ),
                help="Signs of bad sound, or of a model that does not know the language.",
            ),
            Panel(
                title="Real-time factor of transcripts",
                unit="none",
                queries=tuple(
                    (
                        quantile(q, "ray_hark_transcript_real_time_factor", "source", _MODEL),
                        f"p{q * 100:.0f} {{{{source}}}}",
                    )
                    for q in (0.5, 0.95)
                ),
                help="From start to transcript, for each second of audio; less is faster.",
            ),
        ),
    ),
    Row(
        title="Realtime, jobs, texts, credits",
        panels=(
            Panel(
                title="Open sessions",
                unit="short",
                queries=(("sum by (route) (ray_hark_realtime_sessions)", "{{route}}"),),
                width=6,
            ),
            Panel(
                title="Jobs that have not ended",
                unit="short",
                queries=(("max by (status) (ray_hark_jobs_open)", "{{status}}"),),
                width=6,
            ),
            Panel(
                title="Tokens",
                unit="none",
                queries=(
                    (
                        f"sum by (model, kind) (rate(ray_hark_language_model_tokens_total{RATE}))",
                        "{{kind}} {{model}}",
                    ),
                ),
                help="Of language models, a second.",
                width=6,
            ),
            Panel(
                title="Credits in an hour",
                unit="none",
                queries=(("sum by (feature) (increase(ray_hark_credits_captured_total[1h]))", "{{feature}}"),),
                width=6,
            ),
            Panel(
                title="Job attempts that ended, in an hour",
                unit="none",
                queries=(("sum by (outcome) (increase(ray_hark_jobs_total[1h]))", "{{outcome}}"),),
                width=6,
            ),
            Panel(
                title="Oldest queued job",
                unit="s",
                queries=(("max(ray_hark_jobs_oldest_queued_seconds)", "waits"),),
                width=6,
            ),
            Panel(
                title="Transcripts by outcome",
                unit="none",
                queries=(("sum by (outcome) (increase(ray_hark_transcripts_total[1h]))", "{{outcome}}"),),
                help="In an hour.",
                width=6,
            ),
            Panel(
                title="Database answers",
                unit="bool_yes_no",
                queries=(("min(ray_hark_database_up)", "database"),),
                width=6,
            ),
        ),
    ),
)
