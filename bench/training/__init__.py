"""Fine-tuning side by side: the same rows, batch and number of steps for every contender."""
