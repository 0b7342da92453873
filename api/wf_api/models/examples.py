"""What OpenAPI shows of requests and answers."""

_BEGUN, _ENDED = "2026-11-26T09:30:00.120000Z", "2026-11-26T09:30:04.870000Z"

SCHEDULE = {
    "workflow_id": "report", "cron": "0 9 * * MON-FRI", "next_instance": "2026-11-27T09:00:00Z",
    "last_instance": "2026-11-26T09:00:00Z",
}  # fmt: skip
WORKFLOW = {
    "id": "report", "name": "report", "script_name": "shop.workflows", "class_name": "Report",
    "created_on": "2026-10-01T08:00:00Z", "modified_on": "2026-11-20T08:00:00Z", "triggered_on": _BEGUN,
    "instances": {"complete": 41, "waiting": 3}, "instances_capped": False,
    "schedules": [{name: SCHEDULE[name] for name in ("cron", "next_instance", "last_instance")}],
    "version": "2", "versions": ["1", "2"],
    "settings": {"schedules": ["0 9 * * MON-FRI"], "concurrency": {"limit": 20}},
}  # fmt: skip
CONFIGURED = {
    "id": "report", "name": "report", "version_id": "2", "class_name": "Report", "script_name": "shop.workflows",
    "created_on": "2026-10-01T08:00:00Z", "modified_on": "2026-11-26T09:30:00Z", "triggered_on": None, "is_deleted": 0,
    "terminator_running": 0, "settings": {"concurrency": {"limit": 20}},
}  # fmt: skip
RESTART = {"limit": 5, "delay": "5 minutes", "backoff": "exponential", "on": ["ConnectionError"], "from": "failed"}
SETTINGS = {
    "script_name": "shop.workflows", "class_name": "Report", "concurrency": {"limit": 20},
    "schedules": [{"cron": "0 9 * * MON-FRI"}], "default_retention": {"success_retention": "7 days"},
    "restart": RESTART,
}  # fmt: skip
CHANGE = {"restart": {"limit": 0}, "concurrency": {"limit": 5}, "schedules": None}
VERSION = {
    "id": "2", "workflow_id": "report", "class_name": "Report", "script_name": "shop.workflows",
    "created_on": "2026-11-20T08:00:00Z", "modified_on": "2026-11-20T08:00:00Z",
    "registered_on": "2026-11-20T08:00:00Z",
    "language": "python", "has_dag": True, "newest": True, "instances": {"waiting": 3}, "capped": [],
    "limits": None,
    "concurrency": {"limit": 20}, "default_retention": {"success_retention": 604800.0},
    "settings": {"concurrency": {"limit": 20}, "default_retention": {"success_retention": 604800.0}},
}  # fmt: skip
GRAPH = {
    "id": "2", "workflow_id": "report", "class_name": "Report", "created_on": "2026-11-20T08:00:00Z",
    "modified_on": "2026-11-20T08:00:00Z",
    "graph": {
        "version": 1,
        "workflow": {
            "type": "start", "class_name": "Report", "functions": {},
            "nodes": [
                {
                    "type": "parallel", "kind": "all",
                    "nodes": [
                        {
                            "type": "loop",
                            "nodes": [
                                {
                                    "type": "step_do", "name": "upload {file}", "pattern": "^upload .*$", "line": 31,
                                    "config": {
                                        "retries": {"limit": 5, "delay": "10 seconds", "backoff": "exponential"},
                                        "timeout": 600.0,
                                    },
                                    "nodes": [],
                                },
                            ],
                        },
                    ],
                },
                {
                    "type": "step_wait_for_event", "name": "approval", "line": 32,
                    "options": {"event_type": "approved", "timeout": "1 hour"},
                },
            ],
        },
    },
}  # fmt: skip

NEW_INSTANCE = {
    "instance_id": "r-17",
    "params": {"customer": "ada"},
    "instance_retention": {"error_retention": "30 days"},
}
BATCH = [{"instance_id": "r-17", "params": {"customer": "ada"}}, {"instance_id": "r-18"}]
CREATED = {"id": "r-17", "status": "queued", "version_id": "2", "workflow_id": "report", "trigger_source": "api"}
INSTANCE = {
    "id": "r-17", "workflow_id": "report", "version_id": "2", "status": "complete", "trigger_source": "api",
    "created_on": _BEGUN, "modified_on": _ENDED, "started_on": _BEGUN, "ended_on": _ENDED, "due_on": None,
}  # fmt: skip
_STEP = {
    "name": "upload-1", "type": "step", "status": "complete", "start": _BEGUN, "end": _ENDED, "success": True,
    "config": {"retries": {"limit": 5, "delay": 10.0, "backoff": "exponential"}, "timeout": 600.0},
    "output": {"file": "r-17.pdf"}, "error": None, "event_type": None, "seq": 1, "attempt": 1, "lost": 0,
    "heartbeat": None, "wakeAt": None, "worker": "celery@worker-1",
    "attempts": [
        {
            "attempt": 1, "start": _BEGUN, "end": _ENDED, "success": True, "outcome": "complete", "error": None,
            "worker": "celery@worker-1", "retryAt": None, "rev": 3,
        }
    ],
}  # fmt: skip
DETAILS = {
    "id": "r-17", "workflow": "report", "status": "complete", "params": {"customer": "ada"},
    "trigger": {"source": "api"}, "versionId": "2", "queued": _BEGUN, "start": _BEGUN, "end": _ENDED, "success": True,
    "error": None, "output": {"file": "r-17.pdf"}, "rollback": None, "step_count": 1, "schedule": None,
    "steps": [_STEP], "warnings": [], "retries": 0, "recoveries": 0, "restarts": 0, "generation": 1, "rev": 4,
    "nextWake": None, "dueAt": None, "restartAt": None, "expireAt": "2026-12-03T09:30:04.870000Z",
}  # fmt: skip
STEP_OUTPUT = {"status": "complete", "output": {"file": "r-17.pdf"}, "error": None}
MOVED = {"status": "paused", "timestamp": _ENDED}
SENT = {"instanceId": "r-17", "timestamp": _ENDED}
IDS = {"instances": ["r-17", "r-18"]}
DELETED = {
    "deleted": [{"id": "r-17"}],
    "errors": [
        {
            "id": "r-18", "code": 10400, "message": "workflows.api.error.instance.not_found",
            "detail": "Workflow 'report' has no instance 'r-18'.",
        }
    ],
}  # fmt: skip
ENTRY = {
    "id": 71, "actor": "api:ci", "action": "terminate", "workflow": "report", "instance": "r-17",
    "detail": {"rollback": False}, "at": _ENDED,
}  # fmt: skip
