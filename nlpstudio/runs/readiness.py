"""Whether a run can be started, and if not, why: the same answer for the form, the service and the API."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from nlpstudio.core import workers
from nlpstudio.datasets.models import TASK_NAMES, DatasetVersion
from nlpstudio.engine import shelf
from nlpstudio.engine.catalogue import CATALOGUE
from nlpstudio.engine.conversion.sources import BaseModel
from nlpstudio.engine.errors import BaseModelMissing
from nlpstudio.engine.spec import MADE, PAIRS, TrainSpec
from nlpstudio.registry import base_models, project_shelf


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a run cannot be started (`blocks`), or what should be known before."""

    code: str
    message: str
    hint: str = ""
    blocks: bool = True


def reasons(*, version: DatasetVersion, spec: TrainSpec) -> list[Reason]:
    """What stands against this run, the gravest first."""
    found = [*_of_the_data(version, spec), *_of_the_base_model(version, spec), *_of_the_workers()]
    return sorted(found, key=lambda reason: not reason.blocks)


def _of_the_data(version: DatasetVersion, spec: TrainSpec) -> list[Reason]:
    if in_trash := data_in_trash(version):
        return [in_trash]
    if not version.is_ready:
        return [
            Reason(
                code="run.data_not_ready",
                message=_("The version of the data set is not ready."),
                hint=_("Wait until its import has ended, or choose another version."),
            )
        ]
    found = []
    if version.dataset.task != spec.task:
        found.append(
            Reason(
                code="run.wrong_task",
                message=_("The data set is for another task."),
                hint=_("Choose a data set of the task %(task)s.") % {"task": TASK_NAMES[spec.task]},
            )
        )
    if CATALOGUE[spec.task].labelled and len(version.labels) < 2:
        found.append(
            Reason(
                code="run.too_few_labels",
                message=_("The data has fewer than two labels, so there is nothing to tell apart."),
                hint=_("Import rows with at least two different labels."),
            )
        )
    if not version.splits.get("train"):
        found.append(
            Reason(
                code="run.no_training_rows",
                message=_("The data has no rows for training."),
                hint=_("Make a new version of the data set with a split."),
            )
        )
    if not version.splits.get("validation"):
        found.append(
            Reason(
                code="run.no_validation_rows",
                message=_("The data has no rows for validation: the training loss alone chooses the best model."),
                hint=_("Make a new version of the data set with a validation split."),
                blocks=False,
            )
        )
    return found


def data_in_trash(version: DatasetVersion) -> Reason | None:
    """Whoever deleted data expects that nothing is trained on it any more."""
    if version.dataset.deleted_at is None:
        return None
    return Reason(
        code="run.data_in_trash",
        message=_("The data set is in the trash."),
        hint=_("Restore it from the trash of the project first."),
    )


def _of_the_base_model(version: DatasetVersion, spec: TrainSpec) -> list[Reason]:
    try:
        entry = project_shelf.find(spec.base_model, version.dataset.project)
    except BaseModelMissing as error:
        return [Reason(code=error.code, message=error.message, hint=error.hint)]
    found = []
    if spec.task not in entry.tasks:
        found.append(
            Reason(
                code="run.base_model_unsuitable",
                message=_("%(name)s cannot be fine-tuned for this task.") % {"name": entry.name},
                hint=_("Choose another base model."),
            )
        )
    if spec.params.max_length > entry.max_length:
        found.append(
            Reason(
                code="run.too_long",
                message=_("The maximum length is %(asked)d, but %(name)s reads at most %(most)d tokens.")
                % {"asked": spec.params.max_length, "name": entry.name, "most": entry.max_length},
                hint=_("Set the maximum length to %(most)d or less.") % {"most": entry.max_length},
            )
        )
    found += [*_of_the_objective(entry, spec), *_of_the_languages(entry, spec)]
    if project_shelf.is_ours(entry.id):
        return found
    if base_models.needs_hub(entry) and not base_models.hub_is_reachable():
        found.append(
            Reason(
                code="base_model.hub_unreachable",
                message=_("Only the Hugging Face Hub has %(name)s, and it cannot be reached from this machine.")
                % {"name": entry.name},
                hint=_("Choose a base model that is on this machine, or connect it to the Hub."),
                blocks=False,
            )
        )
    elif not shelf.is_available(entry.id):
        found.append(
            Reason(
                code="base_model.fetching",
                message=_("%(name)s is not on this machine yet; the run brings it here first.") % {"name": entry.name},
                hint=_("This needs a way to the Internet or to a package index."),
                blocks=False,
            )
        )
    return found


def _of_the_objective(entry: BaseModel, spec: TrainSpec) -> list[Reason]:
    """What of a model's making does not suit what it begins with."""
    _layers, hidden, heads = spec.params.shape
    if entry.family == "tokenizer" and spec.task in MADE:
        if hidden % heads == 0:
            return []
        return [
            Reason(
                code="run.odd_heads",
                message=_("%(heads)d heads cannot share a width of %(hidden)d evenly.")
                % {"heads": heads, "hidden": hidden},
                hint=_("Choose a width that is a multiple of the heads."),
            )
        ]
    if spec.task != "pretraining":
        return []
    is_decoder = entry.family == "gpt2"
    pairs = spec.params.objective in ("mlm_nsp", "mlm_sop")
    if is_decoder == (spec.params.objective == "clm") and (entry.family in ("bert", "ernie") or not pairs):
        return []
    return [
        Reason(
            code="run.objective_unsuitable",
            message=_("%(name)s does not learn by this objective.") % {"name": entry.name},
            hint=_("Encoders guess masked words, decoders the next word, and only BERT's family judges pairs."),
        )
    ]


def _of_the_languages(entry: BaseModel, spec: TrainSpec) -> list[Reason]:
    """A model of many languages must know which."""
    if spec.task not in PAIRS or not entry.language_codes:
        return []
    given = {spec.params.source_language, spec.params.target_language}
    if given <= set(entry.language_codes):
        return []
    return [
        Reason(
            code="run.no_language",
            message=_("%(name)s reads and writes many languages.") % {"name": entry.name},
            hint=_("Choose the language of the sources and that of the targets."),
        )
    ]


def _of_the_workers() -> list[Reason]:
    if workers.is_alive("train"):
        return []
    return [
        Reason(
            code="run.no_worker",
            message=_("No train worker is alive; the run waits until one is started."),
            hint=_("Start the studio again, or start a train worker."),
            blocks=False,
        )
    ]
