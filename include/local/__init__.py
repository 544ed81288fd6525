"""The single-machine stack: embedded data server, Triton from its wheel, process supervisor."""
