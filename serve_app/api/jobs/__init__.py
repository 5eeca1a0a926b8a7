"""The jobs dialect: upload slots, durable jobs, their results."""

from serve_app.api.jobs import jobs, stt, webhooks

ROUTERS = (stt.router, jobs.router, webhooks.router)
