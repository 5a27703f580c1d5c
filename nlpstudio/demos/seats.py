"""Where one sits before a version's demo: a member, a guest who is signed in, or whoever came by a link.

What a seat may do follows from it: members see examples from the data and correct the model, signed-in people
compare and have a history, a link lets one ask and have the answer explained, no more.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse

from nlpstudio.accounts.models import User
from nlpstudio.demos import asking, correcting, sharing
from nlpstudio.demos.kept import ShareLink
from nlpstudio.registry.models import ModelVersion

MOST_TO_COMPARE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One person before one version. `user` is None with a link, `link` None without."""

    version: ModelVersion
    user: User | None = None
    link: ShareLink | None = None

    @property
    def is_member(self) -> bool:
        return self.link is None and self.version.model.project.my_role is not None

    @property
    def may_correct(self) -> bool:
        return self.is_member and correcting.can_be_corrected(self.version)

    @property
    def may_explain(self) -> bool:
        return self.version.model.task in asking.EXPLAINED

    @property
    def demo_url(self) -> str:
        return self._url("demo")

    @property
    def predict_url(self) -> str:
        return self._url("predict")

    @property
    def state_url(self) -> str:
        return self._url("state")

    @property
    def explain_url(self) -> str:
        return self._url("explain")

    def others(self) -> list[ModelVersion]:
        """What the version can be compared with."""
        if self.user is None:
            return []
        return list(ModelVersion.objects.beside(self.version, self.user)[:MOST_TO_COMPARE])

    def other(self, version_id: str) -> ModelVersion | None:
        """The one of `others` with this id; None when there is none."""
        return next((each for each in self.others() if str(each.pk) == version_id), None) if version_id else None

    def _url(self, view: str) -> str:
        if self.link is None:
            return reverse(f"demos:{view}", args=[self.version.pk])
        secret = sharing.secret_of(self.link)
        return reverse("demos:shared" if view == "demo" else f"demos:shared_{view}", args=[secret])
