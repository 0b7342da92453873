"""wf in web frameworks: one module for each, which imports the framework; nothing else of ours does."""
