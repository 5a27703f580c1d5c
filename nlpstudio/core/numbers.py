"""Figures as people read them: three significant digits, short counts, sizes, lengths of time."""

from __future__ import annotations

import math
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

NOTHING = "–"
MINUTE, HOUR, DAY = 60, 3600, 86_400


def number_of(value: object) -> float | None:
    """The value as a finite number, or None for anything that is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def metric(value: object) -> str:
    """Three significant digits: 0.914, 12.3, 1,230; small rates as 2e-05."""
    number = number_of(value)
    if number is None:
        return NOTHING
    if abs(number) >= 999.5:
        return f"{number:,.0f}"
    if number and abs(number) < 0.001:
        return f"{number:.3g}"
    return f"{number:#.3g}".removesuffix(".")


def percent(value: object) -> str:
    """A share between 0 and 1 as 91.4%."""
    number = number_of(value)
    return NOTHING if number is None else f"{100 * number:.1f}%"


def compact(value: object) -> str:
    """A count in few characters: 950, 12.3k, 4.5M."""
    return _scaled(value, ("", "k", "M", "B"))


def size(value: object) -> str:
    """Bytes as 812 B, 1.4 MB."""
    return _scaled(value, (" B", " kB", " MB", " GB", " TB"))


def _scaled(value: object, units: tuple[str, ...]) -> str:
    number = number_of(value)
    if number is None:
        return NOTHING
    power = 0
    while abs(number) >= 999.5 and power < len(units) - 1:
        number, power = number / 1000, power + 1
    digits = 0 if power == 0 or abs(number) >= 99.95 else 1
    return f"{number:.{digits}f}".removesuffix(".0") + units[power]


def duration(value: object) -> str:
    """Seconds as the two largest units that say something: 0.8 s, 45 s, 3 min 12 s, 2 h 5 min, 1 d 3 h."""
    seconds = number_of(value)
    if seconds is None:
        return NOTHING
    if seconds < 9.95:
        return _("%(s)s s") % {"s": f"{max(seconds, 0):.1f}".removesuffix(".0")}
    whole = round(seconds)
    if whole < MINUTE:
        return _("%(s)s s") % {"s": whole}
    if whole < HOUR:
        return _("%(m)s min %(s)s s") % {"m": whole // MINUTE, "s": whole % MINUTE}
    if whole < DAY:
        return _("%(h)s h %(m)s min") % {"h": whole // HOUR, "m": whole % HOUR // MINUTE}
    return _("%(d)s d %(h)s h") % {"d": whole // DAY, "h": whole % DAY // HOUR}


def latency(value: object) -> str:
    """Milliseconds as 73 ms; from a second on as 9.9 s, like any duration."""
    milliseconds = number_of(value)
    if milliseconds is None or milliseconds >= 1000:
        return duration(None if milliseconds is None else milliseconds / 1000)
    return _("%(ms)s ms") % {"ms": metric(milliseconds) if milliseconds < 10 else round(milliseconds)}


def ago(value: object) -> str:
    """A moment as seen from now: just now, 3 minutes ago, in 2 days; a date when it is over a month away."""
    if not isinstance(value, datetime):
        return NOTHING
    seconds = (timezone.now() - value).total_seconds()
    distance = abs(seconds)
    if distance < 45:
        return _("just now")
    if distance > 30 * DAY:
        return timezone.localtime(value).strftime("%Y-%m-%d")
    if distance < 45 * MINUTE:
        count = max(1, round(distance / MINUTE))
        length = ngettext("%(n)d minute", "%(n)d minutes", count) % {"n": count}
    elif distance < 22 * HOUR:
        count = max(1, round(distance / HOUR))
        length = ngettext("%(n)d hour", "%(n)d hours", count) % {"n": count}
    else:
        count = max(1, round(distance / DAY))
        length = ngettext("%(n)d day", "%(n)d days", count) % {"n": count}
    return (_("%(length)s ago") if seconds > 0 else _("in %(length)s")) % {"length": length}
