"""How a base model gets from where it is published to a folder that transformers loads."""
