"""build(args) -> the Serve application: the only file that sees everything."""

from typing import TYPE_CHECKING

from configs.settings import AppSettings

if TYPE_CHECKING:
    from ray.serve.deployment import Application


# Serve reads the annotation of `args` at run time, so annotations are not postponed in this file.
def build(args: AppSettings) -> "Application":
    """Bind every deployment of a profile. Named by `import_path` in Serve configs, which also check `args` by it.

    Replicas, resources and queues are the config's: none are set here.
    """
    from ray.serve import deployment

    from deployments.diarizer import DiarizerDeployment
    from deployments.ingress import bind_ingress
    from deployments.job_worker import JobWorkerDeployment
    from deployments.media import MediaDeployment, VoiceDetectorDeployment
    from deployments.recognizer import RecognizerDeployment
    from deployments.text_services import bind_text_models
    from deployments.transcription import TranscriptionDeployment

    recognizers = {
        model: deployment(name=f"recognizer-{model}")(RecognizerDeployment).bind(
            settings, args.weights_path(settings.weights)
        )
        for model, settings in args.recognizers.items()
    }
    diarizer = None
    if args.diarizer:
        weights = args.weights_path(args.diarizer.weights)
        diarizer = deployment(name="diarizer")(DiarizerDeployment).bind(args.diarizer, weights)
    models = {
        "media": deployment(name="media")(MediaDeployment).bind(args.api.max_duration_s),
        "detector": deployment(name="voice-detector")(VoiceDetectorDeployment).bind(args.voice_detector),
        "recognizers": recognizers,
        "diarizer": diarizer,
    }
    return bind_ingress(
        args,
        transcription=deployment(name="transcription")(TranscriptionDeployment).bind(
            settings=args.pipeline_settings(), **models
        ),
        job_worker=deployment(name="job-worker")(JobWorkerDeployment).bind(settings=args, **models),
        text_models=bind_text_models(args),
    )


def build_platform_sockets(args: AppSettings) -> "Application":
    """Bind `WS /v1/stream`. The application of `build` must run beside it: its recognizers are used."""
    from deployments.realtime import bind_sockets

    return bind_sockets(args, route="platform")


def build_sixtydb_sockets(args: AppSettings) -> "Application":
    """Bind `WS /ws/stt`. The application of `build` must run beside it: its recognizers are used."""
    from deployments.realtime import bind_sockets

    return bind_sockets(args, route="sixtydb")
