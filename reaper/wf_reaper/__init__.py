"""The reaper: scheduled restarts, and the end of retention. One duty a module, each with a `run_once` for tests."""
