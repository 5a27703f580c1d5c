"""How often something may be done: counted in the shared cache, in windows of fixed length."""

from __future__ import annotations

import time

from django.core.cache import cache


def seconds_to_wait(name: str, *, most: int, seconds: int, cost: int = 1) -> int:
    """Count one use of `name`; 0 when it may go on, else the seconds until it may be tried again.

    At most `most` uses (`cost` of them at once) pass in each window of so many seconds.
    """
    window, passed = divmod(time.time(), seconds)
    key = f"limit:{name}:{int(window)}"
    cache.add(key, 0, timeout=2 * seconds)
    try:
        used = cache.incr(key, cost)
    except ValueError:  # the cache dropped it between the two calls
        return 0
    return 0 if used <= most else max(1, round(seconds - passed))
