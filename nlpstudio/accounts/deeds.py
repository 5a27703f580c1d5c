"""The deeds of the audit log in words, and by what they are done to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

WORDS: Mapping[str, Any] = {
    "project.created": _("made the project"),
    "project.changed": _("changed the project"),
    "project.deleted": _("moved the project to the trash"),
    "project.moved": _("moved the project to another team"),
    "project.handed_over": _("handed the project over"),
    "project.restored": _("restored the project"),
    "project.purged": _("deleted the project for good"),
    "dataset.restored": _("restored a data set"),
    "dataset.purged": _("deleted a data set for good"),
    "run.restored": _("restored a run"),
    "run.purged": _("deleted a run for good"),
    "model.restored": _("restored a model"),
    "model.purged": _("deleted a model for good"),
    "tokenizer.restored": _("restored a tokenizer"),
    "tokenizer.purged": _("deleted a tokenizer for good"),
    "team.created": _("made the team"),
    "team.changed": _("changed the team"),
    "team.deleted": _("deleted the team"),
    "member.joined": _("joined"),
    "member.left": _("left"),
    "member.removed": _("removed a member"),
    "member.role_set": _("gave another role"),
    "invitation.created": _("made an invitation"),
    "invitation.revoked": _("revoked an invitation"),
    "dataset.created": _("made a data set"),
    "dataset.version_added": _("added a version of a data set"),
    "dataset.import_started": _("started an import"),
    "dataset.renamed": _("renamed a data set"),
    "dataset.deleted": _("deleted a data set"),
    "run.started": _("started a run"),
    "run.stop_asked": _("stopped a run"),
    "run.cancelled": _("cancelled a run"),
    "run.resumed": _("resumed a run"),
    "run.deleted": _("deleted a run"),
    "run.moved": _("moved a run in the queue"),
    "run.finished": _("a run finished"),
    "run.stopped": _("a run stopped"),
    "run.failed": _("a run failed"),
    "quota.changed": _("changed a quota"),
    "model.published": _("published a model"),
    "model.renamed": _("renamed a model"),
    "engines.ordered": _("had the engines of a model made"),
    "engine.chosen": _("chose the engine of a model"),
    "model.pushed": _("pushed a model to the Hub"),
    "model.deleted": _("deleted a model"),
    "tokenizer.ordered": _("had a tokenizer trained"),
    "tokenizer.deleted": _("deleted a tokenizer"),
    "model.shown_to": _("changed who may see a model"),
    "model.threshold_set": _("set a model's decision threshold"),
    "model.threshold_removed": _("removed a model's decision threshold"),
    "link.created": _("made a share link"),
    "link.revoked": _("revoked a share link"),
    "correction.sent": _("sent a correction"),
    "correction.accepted": _("accepted corrections"),
    "correction.dismissed": _("dismissed corrections"),
    "correction.reopened": _("put corrections back into the inbox"),
    "webhook.created": _("made a webhook"),
    "webhook.changed": _("changed a webhook"),
    "webhook.secret_changed": _("gave a webhook another secret"),
    "webhook.deleted": _("deleted a webhook"),
    "webhook.paused": _("a webhook that nobody answers was switched off"),
    "batch.started": _("started a batch prediction"),
    "batch.cancelled": _("cancelled a batch prediction"),
    "batch.resumed": _("resumed a batch prediction"),
    "batch.deleted": _("deleted a batch prediction"),
    "base_model.ordered": _("ordered a base model"),
    "token.created": _("made an access token"),
    "token.revoked": _("revoked an access token"),
    "user.created": _("made an account"),
    "user.made_admin": _("made an administrator"),
    "user.unmade_admin": _("took administration away"),
    "user.closed": _("closed the account"),
    "user.opened": _("opened the account again"),
    "user.signed_in_by_link": _("opened a sign-in link"),
    "user.signed_in_by_provider": _("signed in by single sign-on"),
    "user.connected": _("connected the account with single sign-on"),
    "user.disconnected": _("disconnected an account from single sign-on"),
    "two_factor.on": _("switched two-factor sign-in on"),
    "two_factor.off": _("switched two-factor sign-in off"),
    "two_factor.codes_made": _("made new recovery codes"),
    "two_factor.code_used": _("signed in with a recovery code"),
    "two_factor.reset": _("reset somebody's two-factor sign-in"),
}
"""Action to words. An action without words here is shown by its own name."""

AREAS: Mapping[str, Any] = {
    "project": _("Projects"),
    "team": _("Teams"),
    "member": _("Members"),
    "invitation": _("Invitations"),
    "dataset": _("Data sets"),
    "run": _("Runs"),
    "model": _("Models"),
    "engines": _("Engines"),
    "engine": _("Engines"),
    "tokenizer": _("Tokenizers"),
    "batch": _("Predictions of files"),
    "correction": _("Corrections"),
    "link": _("Share links"),
    "webhook": _("Webhooks"),
    "token": _("Access tokens"),
    "user": _("Accounts"),
    "two_factor": _("Two-factor sign-in"),
    "quota": _("Quotas"),
    "base_model": _("Base models"),
}
"""What stands before the dot of an action, in words; in the order of the filter's list."""


def in_words(action: str) -> str:
    return str(WORDS.get(action, action.replace(".", " ").replace("_", " ")))


def choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """All actions for a list to choose from, by area; first in each, as `run.`, all of its actions."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for area, label in AREAS.items():
        own = [(action, str(words)) for action, words in WORDS.items() if action.partition(".")[0] == area]
        several = [(f"{area}.", _now("all of these"))] if len(own) > 1 else []
        groups.setdefault(str(label), []).extend([*several, *own])
    return list(groups.items())
