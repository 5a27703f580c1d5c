"""The queue of the installation: which run is next for which worker, and why the others wait."""

from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from nlpstudio.core.models import Worker
from nlpstudio.quotas.groups import GROUP
from nlpstudio.quotas.models import Quota
from nlpstudio.runs import fairness
from nlpstudio.runs.estimates import Rates
from nlpstudio.runs.fairness import Entry, Use
from nlpstudio.runs.models import Run, Turn

HALF_LIVES = 8
"""What is older has been forgiven to a 256th."""
UNKNOWN_COST_S = 60.0
FIELDS = (GROUP, "created_by_id", "place", "queued_at", "needs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Which groups may start nothing now, and which of their limits says so."""

    reasons: Mapping[UUID, str]

    def of(self, group: UUID) -> str:
        """`at_once`, `hours`, or nothing."""
        return self.reasons.get(group, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A waiting run as the queue page shows it. `reason` is one of `next`, `before`, `no_worker`, `no_match`,
    `at_once`, `hours`, `disk`; `starts_in_s` is None when it cannot be said.
    """

    run: Run
    position: int
    before: int
    reason: str
    starts_in_s: float | None


def candidates(labels: Iterable[str]) -> list[UUID]:
    """The waiting runs that a worker with these labels may take, the next one first."""
    if disk_is_full():
        return []
    able = set(labels)
    limits = limits_now()
    rows = Run.objects.waiting().values_list("pk", *FIELDS)
    fitting = [
        Entry(run=pk, group=group, user=user, place=place, queued_at=queued_at)
        for pk, group, user, place, queued_at, needs in rows
        if able.issuperset(needs) and not limits.of(group)
    ]
    return [entry.run for entry in fairness.order(fitting, use_of_late())]


def disk_is_full() -> bool:
    """Whether no run may start now because it could not write; it starts by itself when there is room."""
    folder = settings.FILES_ROOT if settings.FILES_ROOT.exists() else settings.STUDIO_HOME
    least: int = settings.LEAST_FREE_BYTES
    return shutil.disk_usage(folder).free < least


def use_of_late(now: datetime | None = None) -> Use:
    """What each group and person used, decayed; a turn that goes on counts for a second at least."""
    now = now or timezone.now()
    half_life = settings.FAIR_HALF_LIFE_SECONDS
    turns = Turn.objects.since(now - timedelta(seconds=HALF_LIVES * half_life))
    groups: defaultdict[Any, float] = defaultdict(float)
    people: defaultdict[Any, float] = defaultdict(float)
    for group, user, began, ended in turns.values_list(GROUP, "user_id", "started_at", "ended_at"):
        begun_s = (now - began).total_seconds()
        ended_s = (now - ended).total_seconds() if ended else 0.0
        seconds = max(fairness.decayed(begun_s, ended_s, half_life), 0.0 if ended else 1.0)
        groups[group] += seconds
        people[group, user] += seconds
    return Use(groups=groups, people=people)


def limits_now(now: datetime | None = None) -> Limits:
    """Which groups have reached which limit."""
    quotas = list(Quota.objects.all())
    if not quotas:
        return Limits(reasons={})
    held = Counter(Run.objects.held().values_list(GROUP, flat=True))
    hours = hours_this_month(now)
    reasons = {}
    for quota in quotas:
        if quota.running_at_once is not None and held[quota.group] >= quota.running_at_once:
            reasons[quota.group] = "at_once"
        elif quota.hours_a_month is not None and hours.get(quota.group, 0.0) >= quota.hours_a_month:
            reasons[quota.group] = "hours"
    return Limits(reasons=reasons)


def hours_this_month(now: datetime | None = None) -> dict[UUID, float]:
    """Hours of computing of each group since the first day of the month, in the studio's time zone."""
    now = timezone.localtime(now)
    begin = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    used: defaultdict[Any, float] = defaultdict(float)
    for group, began, ended in Turn.objects.since(begin).values_list(GROUP, "started_at", "ended_at"):
        used[group] += max(((ended or now) - max(began, begin)).total_seconds(), 0.0) / 3600
    return dict(used)


def positions() -> dict[UUID, int]:
    """The place of each waiting run among all, from 1 on."""
    return {pk: number for number, pk in enumerate(_ordered_ids(), 1)}


def waiting() -> list[Waiting]:
    """All that wait, in the order in which they will start as things stand; those that may not start come last."""
    related = ("project", "created_by", "dataset_version__dataset")
    runs = {run.pk: run for run in Run.objects.waiting().select_related(*related)}
    rates, limits = Rates.of_late(), limits_now()
    costs = {pk: rates.seconds(run) for pk, run in runs.items()}
    ordered = _order(runs.values(), limits, costs)
    free = _free_at(rates)
    is_full = disk_is_full()
    found = []
    before: Counter[bool] = Counter()
    for number, run in enumerate(ordered, 1):
        reason = _reason(run, limits, free, before[True], is_full=is_full)
        starts_in = _start(run, costs[run.pk], free) if reason in ("next", "before") else None
        found.append(Waiting(run=run, position=number, before=before[True], reason=reason, starts_in_s=starts_in))
        before[reason in ("next", "before")] += 1
    return found


def idle_workers() -> list[tuple[str, list[str]]]:
    """Each training worker that is alive and holds no run: its name and its labels."""
    busy = {owner.split(" ")[0] for owner in Run.objects.held().values_list("lease_owner", flat=True)}
    alive = Worker.objects.alive().serving("train").values_list("name", "facts")
    named = [(name.rpartition("/")[0], facts.get("labels", ["cpu"])) for name, facts in alive]
    return [(name, labels) for name, labels in named if name not in busy]


def _ordered_ids() -> list[UUID]:
    rows = Run.objects.waiting().values_list("pk", *FIELDS)
    limits = limits_now()
    entries = [
        (limits.of(group), Entry(run=pk, group=group, user=user, place=place, queued_at=queued_at))
        for pk, group, user, place, queued_at, _needs in rows
    ]
    use = use_of_late()
    able = fairness.order((entry for limit, entry in entries if not limit), use)
    unable = fairness.order((entry for limit, entry in entries if limit), use)
    return [entry.run for entry in [*able, *unable]]


def _order(runs: Iterable[Run], limits: Limits, costs: Mapping[UUID, float | None]) -> list[Run]:
    entries = [
        Entry(
            run=run,
            group=_group(run),
            user=run.created_by_id,
            place=run.place,
            queued_at=run.queued_at,
            cost_s=costs[run.pk] or UNKNOWN_COST_S,
        )
        for run in runs
    ]
    use = use_of_late()
    able = fairness.order((entry for entry in entries if not limits.of(entry.group)), use)
    unable = fairness.order((entry for entry in entries if limits.of(entry.group)), use)
    return [entry.run for entry in [*able, *unable]]


def _group(run: Run) -> UUID:
    value: Any = run
    for name in GROUP.split("__"):
        value = getattr(value, name)
    return value  # type: ignore[no-any-return]  # the path ends at an id


@dataclass(slots=True, kw_only=True)
class _Place:
    """A worker, and in how many seconds it is free; None when that cannot be said."""

    labels: frozenset[str]
    free_in_s: float | None


def _free_at(rates: Rates) -> list[_Place]:
    """Each training worker that is alive, with the run that it holds."""
    held = list(Run.objects.held().select_related("dataset_version"))
    places = []
    for worker in Worker.objects.alive().serving("train"):
        own = next((run for run in held if worker.name.startswith(run.lease_owner.split(" ")[0] + "/")), None)
        if own is not None:
            held.remove(own)
        left = 0.0 if own is None else rates.left(own)
        places.append(_Place(labels=frozenset(worker.facts.get("labels", ["cpu"])), free_in_s=left))
    return places


def _reason(run: Run, limits: Limits, places: Sequence[_Place], before: int, *, is_full: bool) -> str:
    if limit := limits.of(_group(run)):
        return limit
    if is_full:
        return "disk"
    if not places:
        return "no_worker"
    if not any(place.labels.issuperset(run.needs) for place in places):
        return "no_match"
    return "before" if before else "next"


def _start(run: Run, cost: float | None, places: Sequence[_Place]) -> float | None:
    """When the run starts; its worker is then busy with it in the plan."""
    able = [place for place in places if place.labels.issuperset(run.needs)]
    known = [place for place in able if place.free_in_s is not None]
    if not known or (len(known) < len(able) and min(p.free_in_s or 0.0 for p in known) > 0):
        return None
    place = min(known, key=lambda each: each.free_in_s or 0.0)
    start = place.free_in_s
    place.free_in_s = None if cost is None or start is None else start + cost
    return start
