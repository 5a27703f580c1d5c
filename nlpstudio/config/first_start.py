"""What the first start makes: an administrator and a project with data sets to try."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from nlpstudio.accounts import services as accounts
from nlpstudio.accounts.models import User
from nlpstudio.datasets import services as datasets
from nlpstudio.engine import samples
from nlpstudio.projects import services as projects
from nlpstudio.registry import base_models

FIRST_BASE_MODELS = ("all-minilm-l6-v2", "e5-small-zh-en")


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """Who may sign in, by which link (none when the account is closed), and with which password when one was made."""

    user: User
    link: str
    password: str | None


def prepare(*, email: str, password: str | None) -> Welcome:
    """Make what is missing and give a one-time sign-in link. Safe to call at every start."""
    is_first = not User.objects.exists()
    user, made = accounts.ensure_admin(email=email, password=password)
    if is_first:
        _make_sample_project(user)
        for base_model in FIRST_BASE_MODELS:
            base_models.order(model_id=base_model, by=user)
    link = accounts.make_sign_in_link(user=user) if user.is_active else ""
    return Welcome(user=user, link=link, password=made)


def _make_sample_project(user: User) -> None:
    project = projects.create(
        name=_("Getting started"),
        description=_("Sample data sets in English and Chinese, ready to train on."),
        by=user,
    )
    for sample in samples.SAMPLES.values():
        datasets.add_sample(project=project, sample_id=sample.id, by=user)
