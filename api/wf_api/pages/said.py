"""What a page says after a form has done something: the form leads back with `?said=` and one of these words.

Never a text from the address: a link could put any words into our mouth. And each word only on a page of the kind to
which its form leads: elsewhere it would be untrue whatever had happened.
"""

SAID = {
    "instance.html": {
        "paused": "A pause was asked for. Steps that run finish first.",
        "resumed": "Resumed.",
        "terminated": "Terminated.",
        "rolling-back": "Stopped. Its steps are rolled back now.",
        "restarted": "Restarted.",
        "forked": "This is the new instance.",
        "created": "This is the new instance.",
        "sent": "The event is in the journal.",
    },
    "instances.html": {"deleted": "The instance was removed with all its data."},
    "job.html": {
        "started": "The job is on its way.",
        "cancelled": "The job was cancelled. What it has moved stays moved.",
    },
    "settings.html": {"configured": "The settings are in force."},
    "workflow.html": {
        "breaker-closed": "Closed: everybody goes on.",
        "breaker-open": "Open: nobody begins until the pause is over and a first instance has ended well.",
    },
}
"""By the templates of the pages, and the words."""
