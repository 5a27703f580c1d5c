"""The inbox of a data set: corrections come in, an editor accepts or dismisses them, accepted ones make a new version."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from nlpstudio.accounts.audit import record
from nlpstudio.accounts.models import User
from nlpstudio.core import clock
from nlpstudio.core.errors import StudioError
from nlpstudio.datasets import services as datasets
from nlpstudio.datasets.models import Dataset, DatasetVersion
from nlpstudio.demos.kept import Correction, CorrectionState
from nlpstudio.engine.data.rows import ROWS, Row
from nlpstudio.registry.models import ModelVersion

ACTIONS = {
    CorrectionState.ACCEPTED: "correction.accepted",
    CorrectionState.DISMISSED: "correction.dismissed",
    CorrectionState.WAITING: "correction.reopened",
}


@transaction.atomic
def send(*, version: ModelVersion, right: Row, said: Row | None, note: str, by: User) -> Correction:
    """Put a correction into the inbox of the data set that the version learnt from."""
    correction = Correction.objects.create(
        dataset=version.dataset_version.dataset,
        version=version,
        record=right.to_record(),
        said=said.to_record() if said else None,
        note=note,
        sent_by=by,
    )
    record(by, "correction.sent", correction, project_id=version.model.project_id)
    return correction


@transaction.atomic
def decide(*, dataset: Dataset, chosen: Sequence[str], state: CorrectionState, by: User) -> int:
    """Move the chosen corrections of this data set to `state`; how many moved. Those in a version stay."""
    movable = dataset.corrections.filter(pk__in=chosen).exclude(state=state)
    unused = Correction.objects.filter(
        pk__in=[each.pk for each in movable.select_related("used_in") if not each.is_used]
    )
    moved = unused.update(state=state, decided_by=by, decided_at=clock.now(), used_in=None)
    if moved:
        record(by, ACTIONS[state], dataset, project_id=dataset.project_id, count=moved)
    return moved


@transaction.atomic
def make_version(*, dataset: Dataset, by: User) -> DatasetVersion:
    """The newest good version with all accepted corrections in it, importing.

    Raises `StudioError` when none is accepted or no version is ready.
    """
    Dataset.objects.select_for_update().get(pk=dataset.pk)  # two at once make one version of the same corrections
    ready = list(dataset.corrections.ready_to_use())
    if not ready:
        raise StudioError(
            _("No accepted correction waits."), hint=_("Accept some first."), code="correction.none_accepted"
        )
    name = ngettext("%(count)s correction", "%(count)s corrections", len(ready)) % {"count": len(ready)}
    rows = [ROWS[dataset.task].from_record(each.record) for each in ready]
    version = datasets.amend(dataset=dataset, rows=rows, name=name, by=by)
    Correction.objects.filter(pk__in=[each.pk for each in ready]).update(used_in=version)
    return version
