"""Runs on pages of other apps: the home page and a project's overview."""

from __future__ import annotations

from django import template

from nlpstudio.accounts.models import User
from nlpstudio.projects.models import Project
from nlpstudio.runs import showing, words
from nlpstudio.runs.models import Run, RunQuerySet

register = template.Library()

SHOWN = 8


@register.simple_tag
def runs_under_way(user: User) -> RunQuerySet:
    """What the user started and has not ended."""
    return Run.objects.mine(user)[:SHOWN]


@register.simple_tag
def newest_runs(project: Project) -> RunQuerySet:
    """The last runs of a project whose page the user may see."""
    return Run.objects.filter(project=project, deleted_at__isnull=True).for_list()[:5]


@register.filter
def run_words(sentence: str) -> str:
    """What was said of a run, in the page's language."""
    return words.SENTENCES.translated(sentence)


@register.filter
def best_of(run: Run) -> tuple[str, float] | None:
    """The metric that chooses the best, with its value so far, as (name, value)."""
    return showing.best_of(run)


@register.filter
def lasted(run: Run) -> float | None:
    """Seconds from its start to its end, or until now."""
    return showing.elapsed(run)
