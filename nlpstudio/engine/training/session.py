"""A whole training run: from a job on disk to the finished model on disk, as one generator of events."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from transformers import PreTrainedModel

from nlpstudio.engine import hardware, seeding, shelf
from nlpstudio.engine.catalogue import CATALOGUE
from nlpstudio.engine.errors import BaseModelMissing, OutOfMemory
from nlpstudio.engine.events import STEP_EVENTS_PER_SECOND, Evaluated, Event, Finished, Prepared, Warned
from nlpstudio.engine.job import Job
from nlpstudio.engine.pulse import PULSE
from nlpstudio.engine.tasks import building
from nlpstudio.engine.tasks.base import Sampling
from nlpstudio.engine.tasks.writing import as_writing
from nlpstudio.engine.training import (
    artifact,
    ceiling,
    durable,
    evaluate,
    fit,
    group,
    loop,
    lora,
    optim,
    preparing,
    scratch,
)
from nlpstudio.engine.training.checkpoint import Checkpoint, Checkpoints
from nlpstudio.engine.training.meter import Meter, SaveClock

CHECKPOINTS = "checkpoints"
LEAST_GAIN = 1.1
"""How many times the score of one answer, given always, a model must reach to have learnt anything."""


def run(
    job: Job,
    *,
    stop: Callable[[], bool] = lambda: False,
    event_interval: float = 1 / STEP_EVENTS_PER_SECOND,
    save_after: float = 30.0,
) -> Generator[Event, None, None]:
    """Do `job`, going on from its latest whole checkpoint if there is one. Ends with `Finished` or an `EngineError`.

    When `stop()` turns true, training ends and the best so far is finished. `event_interval` and `save_after` are the
    least seconds between step events and between checkpoints inside an epoch.
    """
    try:
        yield from _run(job, stop, event_interval, save_after)
    except (MemoryError, RuntimeError) as error:
        if not fit.is_out_of_memory(error):
            raise
        raise OutOfMemory("The device ran out of memory", hint=fit.ADVICE) from error


def _run(job: Job, stop: Callable[[], bool], event_interval: float, save_after: float) -> Generator[Event, None, None]:
    processes = group.join(job.spec.params.devices)
    checkpoints = Checkpoints(job.work / CHECKPOINTS, job=preparing.fingerprint(job))
    if processes.is_first:
        durable.sweep(checkpoints.root)
        PULSE.begin(job.work)
    checkpoint = checkpoints.latest()
    machine = _machine(job, checkpoint)
    if checkpoint and (changed := _changed(checkpoint.environment, machine.environment())):
        yield Warned(code="resume.environment_changed", message=f"Resumed under another {changed}: weights may differ.")
    job, data = _prepare(job, processes)
    yield from _warnings(job, data)
    pace = {"meter": Meter(interval=event_interval), "clock": SaveClock(after=save_after)}
    tokens: int | None = None
    for attempt in range(fit.HALVINGS + 1):
        training = _training(job, data, machine, checkpoints, checkpoint, stop, group=processes, **pace)
        if tokens is None:
            yield from _fit(training)
            yield _prepared(data, training)
        else:
            training.progress = replace(training.progress, tokens_at_once=tokens)
        try:
            yield from loop.train(training)
            if processes.is_first:
                yield from _finish(job, data, training)
            processes.leave()
            return
        except (MemoryError, RuntimeError) as error:
            tokens = fit.halved(training, training.tokens_at_once) if fit.is_out_of_memory(error) else None
            if tokens is None or attempt == fit.HALVINGS or processes.size > 1:  # `commands.ranks` starts all again
                raise
        del training
        _let_go()
        checkpoint = checkpoints.latest()
        message = (
            f"The memory ran out. The run goes on from its last checkpoint with at most {tokens} tokens at once: "
            "it takes a little longer and means the same."
        )
        yield Warned(code="memory.halved", message=message)


def _fit(training: loop.Training) -> Generator[Event, None, None]:
    """Take a smaller micro-batch before the first step when the memory asks for it. Raises `OutOfMemory`."""
    before = training.tokens_at_once
    tokens = training.group.least(fit.tokens_at_once(training, training.hardware.free_bytes()))
    for _ in range(training.group.halved):
        tokens = fit.halved(training, tokens) or tokens
    if tokens < before:
        training.progress = replace(training.progress, tokens_at_once=tokens)
    if tokens < before and not training.group.halved:
        message = (
            f"The memory does not hold {before} tokens at once, so it is {tokens}, and each step is added up from "
            "smaller pieces: it takes a little longer and means the same."
        )
        yield Warned(code="memory.fit", message=message)


def _prepared(data: preparing.Prepared, training: loop.Training) -> Event:
    return Prepared(
        rows=data.rows,
        tokens=int(training.lengths.sum()),
        steps=training.total_steps,
        truncated=data.truncated,
        device=hardware.device_name(training.hardware.device),
        precision=training.hardware.precision,
        threads=training.hardware.threads,
        path=training.encoder.path,
        resumed_from=training.progress.step,
        ceiling_tokens_per_s=_ceiling(training),
    )


def _ceiling(training: loop.Training) -> float:
    """Of a pre-training, whose people wait for hours and want to know what the machine does with them."""
    if training.task.name != "pretraining":
        return 0.0
    return ceiling.tokens_per_s(training.model, training.train, training.lengths, training.hardware)


def _let_go() -> None:
    """Give back what the failed attempt held: its frames lie in reference cycles, its blocks in torch's cache."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _machine(job: Job, checkpoint: Checkpoint | None) -> hardware.Hardware:
    """The hardware to run on; what the run does not fix is as it was when the checkpoint was made."""
    before = checkpoint.environment if checkpoint else {}
    threads = job.spec.params.threads or before.get("threads", 0)
    return hardware.choose(
        threads,
        precision=before.get("precision"),
        library=before.get("products"),
        devices=job.spec.params.devices,
    )


def _prepare(job: Job, processes: group.Group) -> tuple[Job, preparing.Prepared]:
    """The data, and the job with what it begins with; in a group the first one makes both and the others read what it kept."""
    if not processes.is_first:
        processes.wait()
    job = scratch.begin(job)
    data = preparing.prepare(job)
    if processes.is_first:
        processes.wait()
    return job, data


def _changed(before: dict[str, Any], now: dict[str, Any]) -> str:
    return ", ".join(f"{key} ({before.get(key)} before, {now[key]} now)" for key in now if before.get(key) != now[key])


def _warnings(job: Job, data: preparing.Prepared) -> Generator[Event, None, None]:
    if data.setup.max_length < job.spec.params.max_length:
        message = f"The base model takes {data.setup.max_length} tokens at most: longer texts are cut there."
        yield Warned(code="max_length.reduced", message=message)
    if "validation" not in data.held_out:
        message = "There is no validation split: the epoch with the lowest training loss is kept."
        yield Warned(code="validation.missing", message=message)


def _training(
    job: Job,
    data: preparing.Prepared,
    machine: hardware.Hardware,
    checkpoints: Checkpoints,
    checkpoint: Checkpoint | None,
    stop: Callable[[], bool],
    **pace: Any,
) -> loop.Training:
    """The training as `checkpoint` left it, or at its beginning."""
    params = job.spec.params
    seeding.seed_everything(params.seed)  # the fresh head is drawn from here
    model = building.build(data.task, job.base_model, data.setup)
    fresh = building.fresh_head(model, job.base_model)
    lora.put_in(model, params)
    model.to(machine.device)  # type: ignore[arg-type]  # transformers wraps the method's signature away
    has_head = not CATALOGUE[data.task.name].writes
    depth_of = optim.depths(model, model.base_model_prefix if has_head else None)
    optim.freeze(model, depth_of, params, has_head=has_head)
    training = loop.Training(
        task=data.task,
        model=model,
        encoder=building.encoder(data.task, model, data.tokenizer, seed=params.seed),
        optimizer=optim.adamw(model, depth_of, params, fresh=fresh),
        setup=data.setup,
        hardware=machine,
        train=data.train,
        validation=data.held_out.get("validation"),
        checkpoints=checkpoints,
        stop=stop,
        samples=_sampler(data),
        **pace,
    )
    if checkpoint:
        checkpoints.restore(checkpoint, model=model, optimizer=training.optimizer, encoder=training.encoder)
        training.progress = checkpoint.progress
    return training


def _sampler(data: preparing.Prepared) -> Callable[[PreTrainedModel], list[dict[str, Any]]]:
    """What is shown at each evaluation, where the task shows something."""
    validation = data.held_out.get("validation")
    if validation is None or not isinstance(data.task, Sampling):
        return lambda _model: []
    return data.task.sampler(validation.rows, data.tokenizer, data.setup)


def _finish(job: Job, data: preparing.Prepared, training: loop.Training) -> Generator[Event, None, None]:
    """Judge the best weights on what was held out, and write predictions and model."""
    best_step = training.progress.best_step
    training.checkpoints.restore_weights(best_step, training.model)
    if lora.is_in(training.model):
        lora.merge(training.model)
        training.encoder = building.encoder(data.task, training.model, data.tokenizer)
    setup = replace(data.setup, class_weights=None)
    exact = replace(training.hardware, precision="fp32")  # as it will be served
    reports, records = {}, {}
    for name, split in data.held_out.items():
        written = as_writing(data.task).writes_most(len(split.rows)) if CATALOGUE[data.task.name].writes else 0
        parts = (data.task, training.encoder, training.model, split, setup, exact)
        predictions = evaluate.predict(*parts, written=written)
        if name == "validation":
            setup = replace(setup, decision=data.task.tune(split.rows, predictions, setup))
            training.model.config.decision = dict(setup.decision)
        reports[name] = data.task.score(split.rows, predictions, setup)
        records[name] = data.task.records(split.rows, predictions, setup)
        epoch = round(best_step / training.epoch_steps, 4)
        yield Evaluated(step=best_step, epoch=epoch, split=name, metrics=reports[name]["metrics"])
        if name == "validation":
            yield from _unlearnt(reports[name]["metrics"], () if setup.multilabel else setup.labels)
    best_by = CATALOGUE[data.task.name].best_by if training.validation else "training_loss"
    metrics = {name: report["metrics"] for name, report in reports.items()}
    artifact.write_predictions(job.out / "predictions", records, data.task.schema)
    weights_sha256 = artifact.write_model(
        job.out / "model",
        model=_on_cpu(training.model),
        tokenizer=data.tokenizer,
        evaluation={"task": data.task.name, "best_by": best_by, "best_step": best_step, "splits": reports},
        facts={**_facts(job, data), "metrics": metrics, "environment": training.hardware.environment()},
    )
    yield Finished(
        best_step=best_step,
        metrics=metrics,
        artifact=str(job.out / "model"),
        weights_sha256=weights_sha256,
        environment=training.hardware.environment(),
    )


def _unlearnt(metrics: Mapping[str, float], labels: Sequence[str]) -> Generator[Event, None, None]:
    """Say of a model that knows no more than which token is the commonest, or says about one label always, that it is of no use yet."""
    if metrics.get("accuracy", 0.0) <= LEAST_GAIN * metrics.get("majority_accuracy", -1.0):
        message = (
            "The model guesses hardly better than the commonest token, said always: a fine-tune from it would gain "
            "nothing. Give it more steps: more epochs, a smaller batch, or more text."
        )
        yield Warned(code="pretraining.unlearnt", message=message)
    if len(labels) > 1 and metrics.get("macro_recall", 1.0) <= LEAST_GAIN / len(labels):
        message = (
            "The model hardly tells the labels apart: it gives nearly every text the same one. Give it more steps (more "
            "epochs, a smaller batch), a higher learning rate, or more rows of the rare labels."
        )
        yield Warned(code="classification.unlearnt", message=message)


def _facts(job: Job, data: preparing.Prepared) -> dict[str, Any]:
    return {
        "task": data.task.name,
        "pipeline_tag": data.task.pipeline_tag,
        "name": job.name or f"{job.spec.base_model} for {data.task.name}",
        "labels": list(data.setup.labels),
        "multilabel": data.setup.multilabel,
        "max_length": data.setup.max_length,
        "dataset": {"fingerprint": data.info.fingerprint, "splits": data.rows, "split_sha256": data.split_sha256},
        "spec": job.spec.to_json(),
        "seed": job.spec.params.seed,
        "base_model": {**_base_model(job.spec.base_model), "untrained": not building.has_weights(job.base_model)},
        "examples": data.examples,
    }


def _base_model(model_id: str) -> dict[str, Any]:
    try:
        entry = shelf.find(model_id)
    except BaseModelMissing:  # a folder given on the command line
        return {"id": model_id}
    return {"id": entry.id, "licence": entry.licence, "languages": list(entry.languages)}


def _on_cpu(model: PreTrainedModel) -> PreTrainedModel:
    model.cpu()
    return model
