"""What was said about a run when it was trained, to be shown in the language of the page.

Workers write in English: those who read may have any language. So the sentences of this app's own
failures are here again, beside the engine's.
"""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from nlpstudio.core.sentences import Sentences
from nlpstudio.registry.words import BASE_MODELS

_ENGINE = (
    _("The loss became %(loss)s at step %(step)s"),
    _("Lower the learning rate (a tenth is a good try) or lengthen the warm-up."),
    _("The device ran out of memory"),
    _("Set a smaller micro_batch (the result stays the same), a smaller max_length or a smaller base model."),
    _(
        "The memory does not hold %(asked)s tokens at once, so it is %(count)s, and each step is added up from "
        "smaller pieces: it takes a little longer and means the same."
    ),
    _(
        "The memory ran out. The run goes on from its last checkpoint with at most %(count)s tokens at once: "
        "it takes a little longer and means the same."
    ),
    _(
        "The memory ran out for one of the processes. The run goes on from its last checkpoint with half as many tokens "
        "at once: it takes a little longer and means the same."
    ),
    _("Training needs about %(needed)s MB more memory, and %(free)s MB are free"),
    _("%(name)s was never trained to write: it lacks %(names)s"),
    _("LoRA is not known for the architecture %(name)s"),
    _("Set lora_rank to 0 or choose another base model."),
    _("No space left to write %(name)s"),
    _("Free some space and resume the run."),
    _("The data set is for %(task)s, the run for %(other)s"),
    _("No row is in the training split"),
    _("Split the data set anew."),
    _("A classifier needs at least two labels, found %(found)s"),
    _("Add rows of another label."),
    _("A tagger needs at least two tags, found %(found)s"),
    _("Check the tag column."),
    _("line %(line)s: the model does not know the label %(label)s"),
    _("line %(line)s: the model does not know the tag %(tag)s"),
    _("It knows %(names)s."),
    _("freeze_layers is %(asked)s, but the base model has %(layers)s layers"),
    _("devices is %(asked)s, but %(count)s processes were started"),
    _("Start as many processes as devices."),
    _("Process %(number)s of the %(count)s of this run died (%(how)s), so the others were ended."),
    _("Resumed under another %(what)s: weights may differ."),
    _("The base model takes %(count)s tokens at most: longer texts are cut there."),
    _("There is no validation split: the epoch with the lowest training loss is kept."),
    _("%(name)s guesses gaps: the objective %(objective)s does not suit it"),
    _("%(name)s guesses the next word: the objective %(objective)s does not suit it"),
    _("A model of the type %(kind)s does not judge pairs"),
    _("Choose the objective mlm."),
    _("The tokenizer has no mask, so no word can be guessed in a gap"),
    _("Choose the objective clm."),
    _("There is no text to judge by"),
    _("Import more documents."),
    _("The base model knows no language %(code)s"),
    _("Its codes look like zh_CN."),
    _("The tokenizer has no %(name)s"),
    _("Train another tokenizer."),
    _(
        "The model guesses hardly better than the commonest token, said always: a fine-tune from it would gain "
        "nothing. Give it more steps: more epochs, a smaller batch, or more text."
    ),
    _(
        "The model hardly tells the labels apart: it gives nearly every text the same one. Give it more steps (more "
        "epochs, a smaller batch), a higher learning rate, or more rows of the rare labels."
    ),
)

_WORKER = (
    _("The base model %(name)s is brought to this machine first."),
    _("The base model %(name)s could not be brought to this machine: %(why)s"),
    _("it took too long"),
    _("Choose a base model that is on this machine, or see to its network and resume the run."),
    _("A file that the run needs is not there: %(name)s"),
    _("If its base model or its data was moved, put it back, then resume the run."),
    _("A file of the run could not be written: %(why)s"),
    _("Free some space or mend the folder of the studio, then resume the run."),
    _("The end of the log may say more. Resume the run to try again."),
    _("The worker was shut down. The run continues when a worker is there."),
    _("The worker %(owner)s fell silent."),
    _("The run is queued again and continues from its last checkpoint."),
    _("The worker was lost %(count)s times while it worked on this run."),
    _("Look at the memory of the machine, then resume the run: it continues from its last checkpoint."),
    _("Nothing was heard of the training process for %(seconds)d seconds, so it was ended."),
    _("Resume the run: it continues from its last checkpoint. If it hangs again, look at its log."),
    _("The training process did not stop within %(seconds)d seconds, so it was ended."),
    _("Resume the run: it continues from its last checkpoint."),
    _("The training process was killed from outside, most often because the machine ran out of memory."),
    _("Choose a smaller batch size, a shorter maximum length or a smaller base model, then start again."),
    _("The training process crashed (%(signal)s)."),
    _("Resume the run once; if it crashes again, the end of its log says where."),
    _("The training process ended with exit code %(code)d without saying why."),
    _("The end of the log says more."),
    _("The training process ended without leaving a whole model."),
    _("The end of the log says more. Resume the run to try again."),
    _("The run was stopped before anything was trained, so there is no model to keep."),
    _("Resume the run to train it."),
    _("The training process wrote something that is no event to its standard output. It is left out."),
)

SENTENCES = Sentences((*_ENGINE, *_WORKER, *BASE_MODELS))
