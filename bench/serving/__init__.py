"""Serving measured: engines alone and end to end over HTTP, beside what a user would otherwise run."""
