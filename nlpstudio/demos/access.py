"""The door of batch predictions."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404

from nlpstudio.accounts.models import User
from nlpstudio.demos.models import Batch
from nlpstudio.projects.access import require
from nlpstudio.projects.models import Role


def batch_for(user: User, batch_id: UUID) -> Batch:
    """The batch, when the user is a member of its project: who may try a model may have it answer a file."""
    batches = Batch.objects.visible_to(user).select_related(
        "version__model__project", "version__dataset_version__dataset", "created_by"
    )
    batch = batches.filter(pk=batch_id).first()
    if batch is None:
        raise Http404
    batch.project.my_role = require(user, batch.project.pk, Role.VIEWER)
    return batch


def own_batch_for(user: User, batch_id: UUID) -> Batch:
    """As `batch_for`, to end or delete it. Raises `PermissionDenied` for a viewer whose own it is not."""
    batch = batch_for(user, batch_id)
    if not may_end(user, batch):
        raise PermissionDenied
    return batch


def may_end(user: User, batch: Batch) -> bool:
    """Whose it is, and the project's editors."""
    return batch.created_by_id == user.pk or batch.project.is_editable
