"""Wine cultivars: an example of a workflow with branches and an ensemble."""
