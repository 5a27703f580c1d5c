"""The engine: readers, tasks, training, evaluation and inference. It knows nothing of Django."""
