"""Penn Treebank word cutting, which the CMRC 2018 scorer uses for what is not Chinese.

The conventions of the Treebank's tokenisation (Marcus et al. 1993, MacIntyre 1995): punctuation
stands alone, except a full stop inside and a comma or colon inside of a number; clitics are cut off.
"""

from __future__ import annotations

import re

_STEPS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), spaced)
    for pattern, spaced in (
        (r'^"', r"`` "),
        (r'([ (\[{<])"', r"\1 `` "),
        (r"([:,])(?=[^\d]|$)", r" \1 "),
        (r"\.\.\.", r" ... "),
        (r"[;@#$%&]", r" \g<0> "),
        (r"([^.])(\.)([\])}>\"'»” ]*)\s*$", r"\1 \2 \3 "),
        (r"[?!]", r" \g<0> "),
        (r"([^'])' ", r"\1 ' "),
        (r"[\]\[(){}<>]", r" \g<0> "),
        (r"--|[–—]", r" \g<0> "),
        (r'"', r" '' "),
        (r"([^' ])('s|'m|'d|') ", r"\1 \2 "),
        (r"([^' ])('ll|'re|'ve|n't) ", r"\1 \2 "),
        (r"\b(can)(not)\b", r" \1 \2 "),
        (r"\b(gim|lem)(me)\b", r" \1 \2 "),
        (r"\b(gon|got|wan)(na|ta)\b", r" \1 \2 "),
    )
)


def treebank_words(text: str) -> list[str]:
    """The words and signs of a lower-case text of one sentence."""
    padded = text
    for pattern, spaced in _STEPS[:11]:
        padded = pattern.sub(spaced, padded)
    padded = f" {padded} "
    for pattern, spaced in _STEPS[11:]:
        padded = pattern.sub(spaced, padded)
    return padded.split()
