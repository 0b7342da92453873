"""What `wf dev` and the tests run on: embedded Postgres and Valkey, and a supervisor of processes."""
