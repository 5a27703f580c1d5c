"""Writing text with a model: options, chat templates, decoding step by step, beams."""
