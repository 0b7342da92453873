"""The reaper: scheduled restarts, the end of retention, and jobs. One duty a module, each with a `run_once`."""
