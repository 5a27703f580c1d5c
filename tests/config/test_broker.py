"""The channel layer over a real embedded broker that is killed and comes back."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from channels_redis.pubsub import RedisPubSubChannelLayer

from nlpstudio.config import broker
from nlpstudio.config.settings import base


@contextmanager
def running(folder: Path) -> Iterator[str]:
    socket = folder / "valkey.sock"
    process = subprocess.Popen(broker.command(socket, folder / "data"))
    try:
        broker.wait_until_it_answers(f"unix://{socket}")
        yield f"unix://{socket}"
    finally:
        process.kill()
        process.wait()


def layer_at(url: str) -> Any:
    """The product's channel layer, but for its address."""
    config = base.CHANNEL_LAYERS["default"]["CONFIG"]
    return RedisPubSubChannelLayer(hosts=[{**host, "address": url} for host in config["hosts"]])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_new_page_is_let_in_and_told_after_the_broker_was_killed_and_came_back(tmp_path: Path) -> None:
    with running(tmp_path) as url:
        layer = layer_at(url)
        before = await layer.new_channel()
        await layer.group_add("run", before)
    with running(tmp_path):
        after = await layer.new_channel()
        await layer.group_add("run", after)
        await layer.group_send("run", {"type": "look.again"})
        assert await layer.receive(after) == {"type": "look.again"}
        await layer.flush()
