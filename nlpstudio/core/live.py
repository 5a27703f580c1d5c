"""Wake-up calls to open pages: "look again", never the data itself."""

from __future__ import annotations

import logging
from uuid import UUID

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

REFUSED_THREAD = "start new thread"
"""In Python's words when the machine refuses a thread."""


def group_of(kind: str, object_id: UUID) -> str:
    """The channel group of one object, such as one run."""
    return f"{kind}.{object_id.hex}"


def announce(kind: str, object_id: UUID) -> None:
    """Tell every open page of this object, or every open socket of this user, to look again. Losing the call costs a second, not data."""
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        async_to_sync(layer.group_send)(group_of(kind, object_id), {"type": "look.again", "kind": kind})
    except (RedisError, OSError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and REFUSED_THREAD not in str(error):
            raise
        logger.warning("could not announce %s %s: %s", kind, object_id, error)
