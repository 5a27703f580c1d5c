"""The same model in LitServe, with the batching its documentation shows. Runs in a virtual environment of its own.

python lit_server.py MODEL PORT

LitServe makes its endpoint from the annotations of a request and a response, at run time, so they have none here.
"""

import sys
from typing import Any

import litserve
import torch
from transformers import pipeline


class Api(litserve.LitAPI):  # type: ignore[misc]  # it is not installed where types are checked
    """As in LitServe's own example of a classifier."""

    def setup(self, device: str) -> None:
        torch.set_num_threads(1)
        self.model: Any = pipeline("text-classification", model=sys.argv[1], device="cpu", top_k=None)

    def decode_request(self, request):
        return request["inputs"]

    def predict(self, texts: Any) -> Any:
        return self.model(texts, batch_size=len(texts))

    def encode_response(self, output):
        return output


if __name__ == "__main__":
    server = litserve.LitServer(Api(max_batch_size=32, batch_timeout=0.005), accelerator="cpu", workers_per_device=1)
    server.run(port=int(sys.argv[2]), log_level="warning", generate_client_file=False)
