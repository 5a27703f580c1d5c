"""The API, put together from its parts."""

from __future__ import annotations

from ninja import NinjaAPI

from nlpstudio.api import account, base_models, batches, datasets, models, predict, projects, queue, runs, tokenizers
from nlpstudio.api.base import Bearer, answer_errors

api = NinjaAPI(
    title="NLP Studio",
    version="1.0.0",
    description="Everything the pages do, for programs.",
    auth=Bearer(),
    docs_url=None,
    openapi_url="/openapi.json",
    urls_namespace="api",
)
answer_errors(api)
for part in (account, projects, datasets, base_models, runs, queue, models, predict, batches, tokenizers):
    api.add_router("", part.router)
