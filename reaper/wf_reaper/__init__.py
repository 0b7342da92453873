"""The reaper: scheduled restarts of errored instances. One duty a module, each with a `run_once` that a test calls."""
