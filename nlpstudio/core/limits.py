"""How often something may be done: counted in the shared cache, in windows of fixed length."""

from __future__ import annotations

import logging
import math
import time

from django.core.cache import cache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


def seconds_to_wait(name: str, *, most: int, seconds: int, cost: int = 1) -> int:
    """Count one use of `name`; 0 when it may go on, else the seconds until it may be tried again.

    At most `most` uses (`cost` of them at once) pass in each window of so many seconds. A cache that is away lets all
    of them pass: whoever asks must not be refused for it, and what they ask for has bounds of its own.
    """
    window, passed = divmod(time.time(), seconds)
    key = f"limit:{name}:{int(window)}"
    try:
        cache.add(key, 0, timeout=2 * seconds)
        used = cache.incr(key, cost)
    except (RedisError, OSError, ValueError) as error:  # ValueError: the cache dropped it between the two calls
        logger.warning("uses are not counted: %s", error)
        return 0
    return 0 if used <= most else math.ceil(seconds - passed)
