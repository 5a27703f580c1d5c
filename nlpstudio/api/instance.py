"""The API, put together from its parts."""

from __future__ import annotations

from typing import Any

from ninja import NinjaAPI

from nlpstudio.api import account, base_models, batches, datasets, models, predict, projects, queue, runs, tokenizers
from nlpstudio.api.base import Bearer, ErrorAnswer, ErrorBody, answer_errors


class StudioAPI(NinjaAPI):
    """Says in its schema that every error has the one shape."""

    def get_openapi_schema(self, *args: Any, **kwargs: Any) -> Any:
        schema = super().get_openapi_schema(*args, **kwargs)
        shapes = schema.setdefault("components", {}).setdefault("schemas", {})
        for shape in (ErrorBody, ErrorAnswer):
            shapes[shape.__name__] = shape.model_json_schema(ref_template="#/components/schemas/{model}")
            shapes[shape.__name__].pop("$defs", None)
        content = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorAnswer"}}}
        for operations in schema["paths"].values():
            for operation in operations.values():
                operation["responses"]["default"] = {"description": "What went wrong", "content": content}
        return schema


api = StudioAPI(
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
