"""Which column is what: by the header's names, else by what the columns hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from nlpstudio.engine.catalogue import CATALOGUE, TaskInfo
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.data.readers.conll import UNIVERSAL_WIDTH

Guess = tuple[bool, list[str], dict[str, str], list[str]]

SHORT = 40
INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060\xa0"


def plain(name: str) -> str:
    """A column name as it is compared: without invisible signs, outer blanks and letter case."""
    return name.strip().strip(INVISIBLE).strip().strip('"').casefold().replace(" ", "_")


def table(rows: Sequence[Sequence[str]], options: ImportOptions) -> Guess:
    """(header, names, roles, missing) of a table from its first rows."""
    info = CATALOGUE[options.task]
    if not rows:
        return False, [], {}, list(info.columns)
    header = options.header if options.header is not None else _is_header(rows, info, options)
    body = rows[1:] if header else rows
    width = len(rows[0]) if header else Counter(map(len, rows)).most_common(1)[0][0]
    names = _unique([name.strip().strip(INVISIBLE) for name in rows[0]]) if header else [str(i) for i in range(width)]
    roles = chosen(names, options)
    free = [name for name in names if name not in roles.values()]
    if header:
        roles |= _by_alias(free, info, roles)
    if header or options.columns:
        roles |= _by_rest(names, body, info, roles)
    else:
        roles = _by_place(names, body, info)
    return header, names, roles, [role for role in info.columns if role not in roles]


def keys(
    names: Sequence[str], records: Sequence[Mapping[str, Any]], options: ImportOptions
) -> tuple[dict[str, str], list[str]]:
    """(roles, missing) of records with named values."""
    info = CATALOGUE[options.task]
    roles = chosen(names, options)
    roles |= _by_alias([name for name in names if name not in roles.values()], info, roles)
    if options.task == "ner" and "tags" not in roles:
        marks = next((name for name in ("entities", "spans") if name in names), None)
        roles |= {"tags": marks} if marks else {}
    body = [[_cell(record.get(name)) for name in names] for record in records]
    if options.task == "classification":
        roles |= _by_rest(names, body, info, roles)
    return roles, [role for role in info.columns if role not in roles]


def conll(rows: Sequence[Sequence[str]], width: int, options: ImportOptions) -> Guess:
    """(header, names, roles, missing) of CoNLL columns: the first is the token, the last the tag.

    CoNLL-U's ten columns have the form second and the universal part of speech fourth.
    """
    info = CATALOGUE["ner"]
    if width < 2:
        return False, [str(place) for place in range(width)], {}, list(info.columns)
    named = (
        bool(rows) and len(rows[0]) == width and all(plain(cell) in info.aliases for cell in (rows[0][0], rows[0][-1]))
    )
    header = options.header if options.header is not None else named
    names = _unique(list(rows[0])) if header else [str(place) for place in range(width)]
    universal = width == UNIVERSAL_WIDTH and not header
    roles = {"tokens": names[1 if universal else 0], "tags": names[3 if universal else -1]}
    return header, names, {**roles, **chosen(names, options)}, []


def chosen(names: Sequence[str], options: ImportOptions) -> dict[str, str]:
    """The roles a person chose: a column's name, the same but for case and invisible signs, or its index."""
    roles = {}
    for role, wanted in (options.columns or {}).items():
        alike = [name for name in names if name == wanted] or [name for name in names if plain(name) == plain(wanted)]
        if alike:
            roles[role] = alike[0]
        elif wanted.isdecimal() and int(wanted) < len(names):
            roles[role] = names[int(wanted)]
    return roles


def _by_alias(names: Sequence[str], info: TaskInfo, roles: Mapping[str, str]) -> dict[str, str]:
    """Exact role names first, then aliases, each in the order of the columns."""
    found: dict[str, str] = {}
    for exact in (True, False):
        for name in names:
            role = info.aliases.get(plain(name))
            fits = role is not None and (not exact or plain(name) == role)
            if role is not None and fits and role not in found and role not in roles and name not in found.values():
                found[role] = name
    return found


def _is_header(rows: Sequence[Sequence[str]], info: TaskInfo, options: ImportOptions) -> bool:
    """Whether the first row names columns: it uses known names that do not come again below."""
    first, body = rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]
    wanted = {plain(name) for name in (options.columns or {}).values() if not name.isdecimal()}
    known = [place for place, cell in enumerate(first) if plain(cell) in info.aliases or plain(cell) in wanted]
    if known:
        return not any(row[place] == first[place] for row in body for place in known)
    return _stands_apart(first, body)


def _stands_apart(first: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Without a known name: the first value of a column of few values that is none of them, all cells short."""
    if len(body) < 10 or any(len(cell) > SHORT or not cell.strip() for cell in first):
        return False
    for place, cell in enumerate(first):
        values = {row[place] for row in body}
        if len(values) <= max(2, len(body) // 10) and cell not in values:
            return all(len(value) <= SHORT for value in values)
    return False


def _by_place(names: Sequence[str], body: Sequence[Sequence[str]], info: TaskInfo) -> dict[str, str]:
    """No header: the columns of the task in their order, except that a label column is known by its repeats."""
    if info.name != "classification":
        order = (*info.columns, "answer_start") if info.name == "qa" else info.columns
        if info.name == "generation" and len(names) > 1:
            order = ("prompt", "response")
        return dict(zip(order, names, strict=False)) if len(names) >= len(info.columns) else {}
    if len(names) < 2:
        return {}
    places = [place for place in range(len(names)) if not (len(names) > 2 and _is_index(body, place))]
    clearly_first = _variety(body, places[0]) < 0.5 * _variety(body, places[-1])
    label = places[0] if clearly_first else places[-1]
    texts = [place for place in places if place != label]
    roles = dict(zip(("text", "text_pair"), (names[place] for place in texts), strict=False))
    return {**roles, "label": names[label]}


def _by_rest(
    names: Sequence[str], body: Sequence[Sequence[str]], info: TaskInfo, roles: Mapping[str, str]
) -> dict[str, str]:
    """Needed roles that no name gave: labels repeat, the text is the longest of what is left."""
    free = [place for place, name in enumerate(names) if name not in roles.values() and not _is_index(body, place)]
    found: dict[str, str] = {}
    missing = [role for role in info.columns if role not in roles]
    if info.name == "classification":
        if "label" in missing and len(free) >= len(missing):
            place = min(free, key=lambda place: _variety(body, place))
            found["label"] = names[place]
            free.remove(place)
        if "text" in missing and free:
            found["text"] = names[max(free, key=lambda place: _length(body, place))]
    elif len(missing) == 1 and len(free) == 1:
        found[missing[0]] = names[free[0]]
    return found


def _column(body: Sequence[Sequence[str]], place: int) -> list[str]:
    return [row[place] for row in body if place < len(row)]


def _length(body: Sequence[Sequence[str]], place: int) -> float:
    values = _column(body, place)
    return sum(map(len, values)) / max(len(values), 1)


def _variety(body: Sequence[Sequence[str]], place: int) -> float:
    """Small for labels: few different and short values."""
    values = _column(body, place)
    return len(set(values)) / max(len(values), 1) + _length(body, place) / 1000


def _is_index(body: Sequence[Sequence[str]], place: int) -> bool:
    """Row numbers: whole numbers, all different, rising."""
    values = _column(body, place)
    if len(values) < 3 or not all(value.isdecimal() and len(value) < 18 for value in values):
        return False
    numbers = [int(value) for value in values]
    return all(left < right for left, right in pairwise(numbers))


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _unique(names: list[str]) -> list[str]:
    """Names that can be told apart: an empty one is its index, a repeated one gets it added."""
    seen: set[str] = set()
    unique = []
    for place, name in enumerate(names):
        fresh = name or str(place)
        fresh = f"{fresh} ({place})" if fresh in seen else fresh
        seen.add(fresh)
        unique.append(fresh)
    return unique
