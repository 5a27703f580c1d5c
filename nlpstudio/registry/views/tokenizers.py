"""Tokenizers of a project: train one, see how it fares beside others, look through its vocabulary, try it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.cache import cache
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.utils.translation import gettext as _

from nlpstudio.core import workers
from nlpstudio.core.errors import StudioError
from nlpstudio.core.htmx import HtmxRequest, go_to, render_page
from nlpstudio.core.paging import page_of
from nlpstudio.core.policy import Policy, policy
from nlpstudio.core.streaming import attachment
from nlpstudio.datasets.access import version_for
from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.engine import tokenizing
from nlpstudio.projects.access import project_for
from nlpstudio.projects.models import Project, Role
from nlpstudio.registry import archive, project_shelf, tokenizers
from nlpstudio.registry.access import tokenizer_for
from nlpstudio.registry.forms import TokenizerForm
from nlpstudio.registry.models import Tokenizer

PER_PAGE = 100
LONGEST_TRIED = 2000
KEPT_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """How one tokenizer fares on the sample; `share` of the best compression, for a bar."""

    name: str
    is_ours: bool
    figures: Mapping[str, Any]
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedPiece:
    """A token of a tried text: the text it covers, the token itself, its id; `tone` changes with each word."""

    text: str
    token: str
    number: int
    tone: int
    is_unknown: bool


@policy(Policy.VIEWER)
def index(request: HtmxRequest, project_id: UUID) -> HttpResponse:
    """Every tokenizer of the project. Asks again by itself while one is being trained."""
    project = project_for(request.user, project_id)
    rows = Tokenizer.objects.visible_to(request.user).filter(project=project).for_list()
    context = {
        "project": project,
        "page": page_of(rows, request.GET.get("page")),
        "is_busy": any(each.is_under_way for each in rows[:PER_PAGE]),
        "has_worker": workers.is_alive("io"),
    }
    return render_page(request, "registry/tokenizers.html", context, partial="table")


@policy(Policy.EDITOR, "GET", "POST")
def create(request: HtmxRequest, project_id: UUID) -> HttpResponse:
    """The form of a new tokenizer."""
    project = project_for(request.user, project_id, Role.EDITOR)
    wished = {key: request.GET[key] for key in ("dataset_version",) if key in request.GET}
    form = TokenizerForm(request.POST or None, initial=wished, versions=_corpora(project))
    if form.is_valid():
        try:
            tokenizer = tokenizers.order(
                project=project,
                dataset_version=form.version,
                spec=form.spec(),
                name=form.cleaned_data["name"],
                by=request.user,
            )
            return go_to(request, "registry:tokenizer", tokenizer.pk)
        except StudioError as error:
            form.add_error(None, f"{error.message} {error.hint}".strip())
    context = {"project": project, "form": form, "has_worker": workers.is_alive("io")}
    status = 422 if form.is_bound and form.errors else 200
    return render_page(request, "registry/tokenizer_create.html", context, status=status)


@policy(Policy.VIEWER)
def detail(request: HtmxRequest, tokenizer_id: UUID) -> HttpResponse:
    """How it fares, a box to try it in, and its vocabulary. Asks again by itself until it is trained."""
    tokenizer = tokenizer_for(request.user, tokenizer_id)
    text = request.GET.get("text", "")[:LONGEST_TRIED]
    query = request.GET.get("q", "").strip()[:100]
    context: dict[str, Any] = {
        "project": tokenizer.project,
        "section": "models",
        "tokenizer": tokenizer,
        "spec": tokenizer.tokenizer_spec,
        "has_worker": workers.is_alive("io"),
        "text": text,
        "query": query,
    }
    if tokenizer.is_ready:
        entries = _found(tokenizer.folder, query)
        context |= {
            "judged": _judged(tokenizer),
            "pieces": _tried(tokenizer.folder, text) if text else [],
            "page": Paginator(entries, PER_PAGE).get_page(request.GET.get("page")),
        }
    partial = {"tokenizer-tried": "tried", "tokenizer-vocabulary": "vocabulary"}.get(request.htmx.target or "", "state")
    return render_page(request, "registry/tokenizer.html", context, partial=partial)


@policy(Policy.VIEWER)
def download(request: HtmxRequest, tokenizer_id: UUID) -> StreamingHttpResponse:
    """The folder that `AutoTokenizer.from_pretrained` loads, as a zip."""
    tokenizer = tokenizer_for(request.user, tokenizer_id)
    if not tokenizer.is_ready:
        raise Http404
    name = archive.plain_name(tokenizer.name)
    return attachment(archive.zipped(tokenizer.folder, name), f"{name}.zip", "application/zip")


@policy(Policy.EDITOR, "POST")
def delete(request: HtmxRequest, tokenizer_id: UUID) -> HttpResponse:
    tokenizer = tokenizer_for(request.user, tokenizer_id, Role.EDITOR)
    tokenizers.delete(tokenizer=tokenizer, by=request.user)
    messages.success(request, _("%(name)s is deleted.") % {"name": tokenizer.name})
    return go_to(request, "registry:tokenizers", tokenizer.project_id)


@policy(Policy.VIEWER)
def corpus_tokens(request: HtmxRequest, corpus_id: UUID) -> HttpResponse:
    """How many tokens a corpus has under a tokenizer, counted on a sample of its documents."""
    version = version_for(request.user, corpus_id)
    if version.dataset.task != "pretraining" or not version.is_ready:
        raise Http404
    folders = project_shelf.tokenizer_folders(version.dataset.project)
    chosen = request.GET.get("tokenizer", "")
    if chosen not in folders:
        chosen = project_shelf.tokenizer_of(version) or next(iter(folders), "")
    figures = _counted(version, chosen, folders[chosen][1]) if chosen else None
    context = {
        "version": version,
        "choices": [(key, name) for key, (name, _folder) in folders.items()],
        "chosen": chosen,
        "figures": figures,
    }
    return render_page(request, "registry/_corpus_tokens.html", context)


def _counted(version: DatasetVersion, key: str, folder: Path) -> dict[str, Any]:
    name = f"corpus-tokens-{version.pk}-{key}"
    known: dict[str, Any] | None = cache.get(name)
    if known is None:
        known = tokenizing.judge(tokenizing.load(folder), tokenizing.sample(version.folder))
        whole = version.statistics.get("corpus", {}).get("characters", 0)
        known["whole"] = round(whole * known["tokens"] / max(known["characters"], 1))
        cache.set(name, known, KEPT_SECONDS)
    return known


def _corpora(project: Project) -> Sequence[DatasetVersion]:
    rows = DatasetVersion.objects.ready().filter(dataset__project=project, dataset__deleted_at__isnull=True)
    return list(rows.filter(dataset__task="pretraining").select_related("dataset").order_by("-created_at")[:200])


def _judged(tokenizer: Tokenizer) -> list[Judged]:
    """The tokenizer itself, then those of the shelf, the tightest first."""
    names = {key: name for key, (name, _folder) in project_shelf.shelf_tokenizers().items()}
    found = tokenizer.judgements
    best = max((each["characters_a_token"] for each in found.values()), default=0) or 1
    rows = [
        Judged(
            name=tokenizer.name if not key else names.get(key, key),
            is_ours=not key,
            figures=figures,
            share=figures["characters_a_token"] / best,
        )
        for key, figures in found.items()
    ]
    return sorted(rows, key=lambda each: (not each.is_ours, -each.share))


@lru_cache(maxsize=8)
def _vocabulary(path: str, changed: float) -> list[tuple[int, str]]:
    """(id, token) of a tokenizer.json, by id. `changed` is the file's time: a rewritten file is read anew."""
    return sorted((number, token) for token, number in tokenizing.load(Path(path).parent).get_vocab().items())


def _found(folder: Path, query: str) -> list[tuple[int, str]]:
    path = folder / "tokenizer.json"
    entries = _vocabulary(str(path), path.stat().st_mtime)
    if not query:
        return entries
    if query.isdecimal():
        return [entry for entry in entries if str(entry[0]) == query or query in entry[1]]
    wanted = query.casefold()
    return [entry for entry in entries if wanted in entry[1].casefold()]


def _tried(folder: Path, text: str) -> list[TriedPiece]:
    tokenizer = tokenizing.load(folder)
    encoding = tokenizer.encode(text)
    unknown = tokenizing.unknown_id(tokenizer)
    return [
        TriedPiece(
            text=text[slice(*span)],
            token=token,
            number=number,
            tone=-1 if word is None else word % 8,
            is_unknown=number == unknown,
        )
        for token, number, span, word in zip(
            encoding.tokens, encoding.ids, encoding.offsets, encoding.word_ids, strict=True
        )
    ]
