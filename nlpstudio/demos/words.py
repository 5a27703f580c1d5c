"""What the engine says about files to predict and about inputs to a model, to be shown in the language of the page."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from nlpstudio.core.sentences import Sentences
from nlpstudio.datasets import words
from nlpstudio.demos import abstaining
from nlpstudio.registry import words as models

_BATCHES = (
    _("the .zip file holds %(count)s data files: %(names)s"),
    _("Upload one data file."),
    _("the file has no row"),
    _("The disk is full."),
    _("Make room, then start the prediction again."),
    _("another process works on %(name)s"),
    _("Wait until it has ended."),
    _("The prediction stopped %(count)s times after row %(row)s."),
    _("The machine may be out of memory, or the next rows are too long. Split the file, then try again."),
    _("The prediction stopped on an error of ours: %(why)s"),
    _("The log of the io worker has the details."),
)

_DEMOS = (
    abstaining.NONE_SAVED,
    abstaining.SAVE_ONE,
)

SENTENCES = Sentences((*_BATCHES, *_DEMOS, *words.SENTENCES.patterns, *models.SENTENCES.patterns))
