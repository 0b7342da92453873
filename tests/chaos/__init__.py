"""Real processes under load while a monkey breaks what it can; an independent checker reads what they have done."""
