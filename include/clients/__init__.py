"""Adapters of the engines, used by tasks, console and inference server alike."""
